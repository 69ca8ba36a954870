import { WechatPayCertificateError } from '../../errors/index.js';

/** Of a key, a certificate, a ciphertext. Nothing of the platform comes near it. */
export const MAX_SOURCE_BYTES = 64 * 1024;

/** The error of everything that a source cannot deliver. The message says what to do. */
export function unavailable(message: string, isRetryable = true): WechatPayCertificateError {
  return new WechatPayCertificateError('CREDENTIAL_UNAVAILABLE', message, { isRetryable });
}

/** A bound in time of our own. */
export interface TimeBound {
  readonly timeoutMs: number;
  /** Made when the time is over. */
  readonly error: () => Error;
}

/**
 * Waits for what somebody else's code does, no longer than the signal and the bound allow, whether
 * that code listens to its signal or not.
 *
 * @param call gets a signal of its own, which aborts with either
 * @param discard gets what arrives too late
 */
export async function within<T>(
  signal: AbortSignal,
  bound: TimeBound | undefined,
  call: (signal: AbortSignal) => Promise<T>,
  discard: (late: T) => void = () => undefined,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  const onTimeout = (): void => controller.abort(bound?.error());
  const timer = bound && setTimeout(onTimeout, bound.timeoutMs);
  timer?.unref();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await new Promise<T>((resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(reasonOf(controller.signal)), {
        once: true,
      });
      const called = Promise.resolve().then(() => call(controller.signal));
      called
        .then((value) => {
          if (controller.signal.aborted) discard(value);
          else resolve(value);
        })
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('The load was aborted');
}

/**
 * Name and code of a foreign error: what may be shown of it. Its message may quote what it choked
 * on, and that may be a key.
 */
export function kindOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown error';
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  const shown = [name, code].filter(
    (word): word is string => typeof word === 'string' && /^[A-Za-z][A-Za-z_]{0,63}$/.test(word),
  );
  return [...new Set(shown)].join(' ') || 'unknown error';
}
