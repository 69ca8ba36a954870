import { run } from './conductor/run.js';

process.exitCode = await run(process.env);
