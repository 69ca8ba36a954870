import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export const storeKinds = ['redis', 'etcd', 'dir'] as const;
export type StoreKind = (typeof storeKinds)[number];

/** As people know them. */
export const storeNames = { redis: 'Redis', etcd: 'etcd', dir: 'folder' } as const;

export interface Settings {
  readonly seconds: number;
  readonly kind: StoreKind;
  /** The server's program; none for a folder. */
  readonly program: string | undefined;
  /** Whether a folder has to do because there is no server. */
  readonly isMakeshift: boolean;
}

/** What must be said to the user, and nothing more: no stack trace. */
export class UserError extends Error {}

const programs = {
  redis: { name: 'redis-server', debian: 'redis-server' },
  etcd: { name: 'etcd', debian: 'etcd-server' },
} as const;

/**
 * Reads `SECONDS` and `STORE`. Without `STORE`, the first of Redis, etcd and a folder that is there.
 *
 * @throws {UserError} naming the remedy
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const text = env['SECONDS']?.trim() || '30';
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (seconds < 5 || seconds > 600) {
    throw new UserError(
      `SECONDS 应为 5 到 600 的整数；SECONDS is a whole number from 5 to 600, not "${text}".`,
    );
  }
  const chosen = env['STORE']?.trim() ?? '';
  if (chosen !== '' && !isKind(chosen)) {
    throw new UserError(`STORE=${storeKinds.join('|')}, not "${chosen}".`);
  }
  const kinds = isKind(chosen) ? [chosen] : storeKinds;
  for (const kind of kinds) {
    if (kind === 'dir') return { seconds, kind, program: undefined, isMakeshift: chosen === '' };
    const program = findProgram(programs[kind].name, env['PATH']);
    if (program !== undefined) return { seconds, kind, program, isMakeshift: false };
  }
  const { name, debian } = programs[chosen as 'redis' | 'etcd'];
  throw new UserError(
    `没有找到 ${name}；${name} is not installed: apt-get install ${debian}, or take STORE=dir.`,
  );
}

function isKind(text: string): text is StoreKind {
  return storeKinds.some((kind) => kind === text);
}

function findProgram(name: string, path = ''): string | undefined {
  const places = path.split(delimiter).filter((folder) => folder !== '');
  return places.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
