import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether a file is there and may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a program of this name is on the PATH. */
export function programPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Debian keeps the programs of PostgreSQL off the PATH, one folder a version. */
const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** Where the server of PostgreSQL is, beside its `initdb`: on the PATH, or Debian's newest. */
export function postgresPath(): string | undefined {
  const onPath = programPath('postgres');
  if (onPath !== undefined) return onPath;
  const versions = namesIn(DEBIAN_POSTGRES).sort((one, other) => Number(other) - Number(one));
  return versions
    .map((version) => join(DEBIAN_POSTGRES, version, 'bin', 'postgres'))
    .find(isExecutable);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
