import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
export const sample = join(root, 'sample', '01-quick-start');
export const host = '127.0.0.1';
