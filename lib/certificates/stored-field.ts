import { createHash } from 'node:crypto';
import { defer, finalize } from 'rxjs';
import { WechatPayCertificateError, type WechatPayError } from '../errors/index.js';
import type { CredentialField } from '../merchant/index.js';
import { watchByPolling, type WatchParts } from './store-watch.js';

/** Longest value of a credential field, in bytes. */
export const MAX_FIELD_BYTES = 64 * 1024;

/** In place of a digest where there is no value. */
const NONE = 'none';

/** How one value of a server becomes a field of a credential. */
export interface StoredFieldParts {
  /** The server and the key, as `Redis key pay/key`: for errors. */
  readonly what: string;
  /** The value, or at least the first 64 KiB and one byte of it; `undefined` when there is none. */
  read(signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** As {@link WatchParts.poll}, without saying what changed; default: {@link read}. */
  wait?(signal: AbortSignal): Promise<Uint8Array | undefined>;
  readonly listen?: WatchParts['listen'];
  readonly everyMs: number;
}

/**
 * A field of a credential from a server: loaded on demand, watched by comparing digests. The value is in
 * no error and no event, and is not kept.
 */
export function storedField(parts: StoredFieldParts): CredentialField<Buffer> {
  let known: string | undefined;
  let listeners = 0;
  const poll = async (signal: AbortSignal): Promise<string[]> => {
    const digest = digestOf(await (parts.wait ?? parts.read)(signal));
    const hasChanged = known !== undefined && known !== digest;
    known = digest;
    return hasChanged ? ['changed'] : [];
  };
  const watch = watchByPolling({
    poll,
    ...(parts.listen && { listen: parts.listen }),
    everyMs: parts.everyMs,
  });
  return {
    async load(signal) {
      signal.throwIfAborted();
      const value = await abortable(parts.read(signal), signal);
      const digest = digestOf(value);
      // What others were told of stays until the watch tells everybody.
      const isNews = known === undefined || digest === NONE || (known === NONE && listeners === 0);
      if (isNews) known = digest;
      return checkedValue(parts.what, value);
    },
    changes: defer(() => {
      listeners += 1;
      return watch.pipe(finalize(() => (listeners -= 1)));
    }),
  };
}

function checkedValue(what: string, value: Uint8Array | undefined): Buffer {
  if (!value || value.length === 0)
    throw unavailable(`${what} is missing or empty: write it first`);
  if (value.length > MAX_FIELD_BYTES) {
    throw unavailable(
      `${what} is longer than ${MAX_FIELD_BYTES / 1024} KiB: it holds something else`,
    );
  }
  return Buffer.from(value.buffer, value.byteOffset, value.length);
}

/** Of the value only this is kept, so that a change is seen without holding a key. */
function digestOf(value: Uint8Array | undefined): string {
  return value ? createHash('sha256').update(value).digest('base64') : NONE;
}

function unavailable(message: string): WechatPayError {
  return new WechatPayCertificateError('CREDENTIAL_UNAVAILABLE', message);
}

/** Stops waiting, not the work: that is bounded by itself. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * The key of a field.
 *
 * @throws {WechatPayCertificateError} unless it is 1 to 256 printable ASCII characters without spaces
 */
export function fieldKey(key: string): string {
  if (typeof key === 'string' && /^[\x21-\x7e]{1,256}$/.test(key)) return key;
  throw unavailable('A key of a credential field is printable ASCII without spaces, 1 to 256 long');
}
