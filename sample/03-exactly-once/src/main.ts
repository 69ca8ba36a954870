import { run } from './demo/run.js';

process.exitCode = await run(process.env);
