import type { MerchantContext } from '../context/index.js';
import type { NotificationCounts } from '../notification/index.js';

/** How well a merchant can work now. */
export type MerchantState = 'up' | 'degraded' | 'down';

/** Facts about one platform key. */
export interface PlatformKeyHealth {
  readonly id: string;
  readonly kind: 'certificate' | 'publicKey';
  /** Whole days until it expires; `undefined` for a public key. */
  readonly daysLeft: number | undefined;
}

/** What is known about a merchant without asking anybody. No secret is in it. */
export interface MerchantHealth {
  readonly state: MerchantState;
  readonly reasons: readonly string[];
  readonly details: {
    readonly merchantSerialNo: string | undefined;
    readonly merchantCertificateDaysLeft: number | undefined;
    readonly platformKeys: readonly PlatformKeyHealth[];
    readonly lastRefresh: string | undefined;
    readonly lastRefreshError: string | undefined;
    /** As the platform's answers show it, or else its notifications. */
    readonly clockSkewMs: number | undefined;
    readonly notifications: Omit<NotificationCounts, 'clockSkewMs'>;
  };
}

const DAY_MS = 86_400_000;
const WARN_BEFORE_MS = 30 * DAY_MS;
/** One or two late refreshes happen; from the third on somebody should look. */
const MISSED_REFRESHES = 3;
const SKEW_WARN_MS = 60_000;

/**
 * Judges a merchant by facts already known: expiry, refreshes, clock. `down` only when keys were
 * asked for, or held, and nothing can verify, so that a late refresh never takes every process out
 * at once.
 */
export function merchantHealth(context: MerchantContext, nowMs: number): MerchantHealth {
  const { certificates, credentials, http, notifications } = context;
  const { clockSkewMs: notificationSkewMs, ...counts } = notifications.counts;
  const clockSkewMs = http.clockSkewMs ?? notificationSkewMs;
  const { keyRing, status } = certificates;
  const { credential } = credentials;
  const reasons: string[] = [];
  const canVerify = keyRing.canVerify(nowMs);
  const isDown = !canVerify && (status.failures > 0 || keyRing.keys.length > 0);
  if (isDown) reasons.push('no key of the platform can verify');
  if (!canVerify && !isDown) reasons.push('keys are loaded on first use');
  let isDegraded = false;
  const warn = (reason: string): void => {
    isDegraded = true;
    reasons.push(reason);
  };
  const newest = keyRing.newestCertificate(nowMs);
  const hasPublicKey = keyRing.keys.some(({ kind }) => kind === 'publicKey');
  if (newest && !hasPublicKey && newest.notAfterMs - nowMs < WARN_BEFORE_MS) {
    warn('the last platform certificate expires within 30 days');
  }
  if (credential?.notAfterMs !== undefined && credential.notAfterMs - nowMs < WARN_BEFORE_MS) {
    warn(
      credential.notAfterMs <= nowMs
        ? 'the merchant certificate (商户API证书) has expired'
        : 'the merchant certificate (商户API证书) expires within 30 days',
    );
  }
  if (status.failures >= MISSED_REFRESHES) warn(`${status.failures} refreshes failed in a row`);
  if (Math.abs(clockSkewMs ?? 0) > SKEW_WARN_MS) {
    warn('the clock of this machine differs from the platform by more than a minute');
  }
  return {
    state: isDown ? 'down' : isDegraded ? 'degraded' : 'up',
    reasons,
    details: {
      merchantSerialNo: credential?.serialNo,
      merchantCertificateDaysLeft: daysLeft(credential?.notAfterMs, nowMs),
      platformKeys: keyRing.keys.map(({ id, kind, notAfterMs }) => ({
        id,
        kind,
        daysLeft: daysLeft(notAfterMs, nowMs),
      })),
      lastRefresh:
        status.lastSuccessAtMs === undefined
          ? undefined
          : new Date(status.lastSuccessAtMs).toISOString(),
      lastRefreshError: status.lastError?.code,
      clockSkewMs,
      notifications: counts,
    },
  };
}

function daysLeft(notAfterMs: number | undefined, nowMs: number): number | undefined {
  if (notAfterMs === undefined || !Number.isFinite(notAfterMs)) return undefined;
  return Math.floor((notAfterMs - nowMs) / DAY_MS);
}
