import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
export const sample = join(root, 'sample', '01-quick-start');
export const fleet = join(root, 'sample', '02-many-processes');
export const exactlyOnce = join(root, 'sample', '03-exactly-once');
export const host = '127.0.0.1';
