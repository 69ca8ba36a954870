import type { WechatPayHttpOptions } from '../wechat-pay.options.js';
import type { ResolvedOptions } from './resolved-options.js';

/** Fills in how calls behave: deadline, attempts, places, and what is left of them at the end. */
export function resolveCalls(
  http: WechatPayHttpOptions,
): Pick<ResolvedOptions, 'call' | 'bulkhead' | 'closeGraceMs'> {
  return {
    call: {
      timeoutMs: http.timeoutMs ?? 10_000,
      attemptTimeoutMs: http.attemptTimeoutMs ?? 1_500,
      maxRetries: http.retries ?? 2,
      hedgeAfterMs: http.hedgeAfterMs,
      hedgesWrites: http.hedgeWrites ?? false,
      fallback: http.fallback,
    },
    bulkhead: { maxConcurrency: http.maxConcurrency ?? 128, maxQueue: http.maxQueue ?? 256 },
    closeGraceMs: http.closeGraceMs ?? 5_000,
  };
}
