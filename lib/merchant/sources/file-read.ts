import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { redactText } from '../../errors/index.js';
import { unavailable } from './bounds.js';

/** Opening a pipe must not wait for its writer. Windows has neither the pipes nor the flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Why a file was not read. The message is what stands behind "the file … ". */
export class UnreadableFile extends Error {
  /** An errno, `EISDIR`, `NOT_A_FILE` or `TOO_LARGE`. */
  readonly code: string;

  constructor(code: string, maxBytes: number) {
    super(reasonOf(code, maxBytes));
    this.code = code;
  }

  static from(error: unknown, maxBytes: number): UnreadableFile {
    if (error instanceof UnreadableFile) return error;
    const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
    return new UnreadableFile(code, maxBytes);
  }

  /** The error for whoever waits for the content. */
  of(path: string): Error {
    return unavailable(`the file ${redactText(path)} ${this.message}`);
  }
}

function reasonOf(code: string, maxBytes: number): string {
  switch (code) {
    case 'ENOENT':
      return 'does not exist (ENOENT): check the path and what is mounted there';
    case 'ENOTDIR':
      return 'does not exist (ENOTDIR): a part of its path is no directory';
    case 'EACCES':
    case 'EPERM':
      return `may not be read by this process (${code}): check its owner and mode, and those of its directories`;
    case 'ELOOP':
      return 'is a symbolic link that leads in a circle (ELOOP)';
    case 'EISDIR':
      return 'is a directory (EISDIR): give the file in it';
    case 'NOT_A_FILE':
      return 'is not a regular file: pipes and devices are not read';
    case 'TOO_LARGE':
      return `is larger than ${maxBytes / 1024} KiB: give the key or certificate itself`;
    default:
      return `cannot be read (${code})`;
  }
}

/**
 * Reads a whole small file. No more than the bound is read, whatever the file says of its size.
 *
 * @returns bytes that nobody else holds
 * @throws {UnreadableFile}
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const handle = await open(path, FLAGS);
    const scratch = Buffer.alloc(maxBytes + 1);
    try {
      checkKind(await handle.stat(), maxBytes);
      let length = 0;
      for (let read = 1; read > 0 && length < scratch.length; length += read) {
        ({ bytesRead: read } = await handle.read(scratch, length, scratch.length - length));
      }
      return copyOf(scratch, length, maxBytes);
    } finally {
      scratch.fill(0);
      await handle.close();
    }
  } catch (error) {
    throw UnreadableFile.from(error, maxBytes);
  }
}

/** {@link readSmallFile} for the start of a process. */
export function readSmallFileSync(path: string, maxBytes: number): Buffer {
  try {
    const descriptor = openSync(path, FLAGS);
    const scratch = Buffer.alloc(maxBytes + 1);
    try {
      checkKind(fstatSync(descriptor), maxBytes);
      let length = 0;
      for (let read = 1; read > 0 && length < scratch.length; length += read) {
        read = readSync(descriptor, scratch, length, scratch.length - length, null);
      }
      return copyOf(scratch, length, maxBytes);
    } finally {
      scratch.fill(0);
      closeSync(descriptor);
    }
  } catch (error) {
    throw UnreadableFile.from(error, maxBytes);
  }
}

function checkKind(stats: Stats, maxBytes: number): void {
  if (stats.isDirectory()) throw new UnreadableFile('EISDIR', maxBytes);
  if (!stats.isFile()) throw new UnreadableFile('NOT_A_FILE', maxBytes);
  if (stats.size > maxBytes) throw new UnreadableFile('TOO_LARGE', maxBytes);
}

/** Not of Node's pool, which is shared and not wiped. */
function copyOf(scratch: Buffer, length: number, maxBytes: number): Buffer {
  if (length > maxBytes) throw new UnreadableFile('TOO_LARGE', maxBytes);
  const bytes = Buffer.alloc(length);
  scratch.copy(bytes, 0, 0, length);
  return bytes;
}
