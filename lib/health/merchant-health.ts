import { RENEWAL } from '../certificates/index.js';
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
    /** Why the credential could not be loaded from its source when that was last tried. */
    readonly lastCredentialError: string | undefined;
    /** As the platform's answers show it, or else its notifications. */
    readonly clockSkewMs: number | undefined;
    readonly notifications: Omit<NotificationCounts, 'clockSkewMs'>;
  };
}

const DAY_MS = 86_400_000;
/** One or two late refreshes happen; from the third on somebody should look. */
const MISSED_REFRESHES = 3;
/** Two of the longest periods: a renewal that does not even fail has stopped. */
const OLD_LIST_MS = 24 * 3_600_000;
const SKEW_WARN_MS = 60_000;

/**
 * Judges a merchant by facts already known: expiry, refreshes, clock. `down` only when keys were
 * asked for, or held, and nothing can verify, so that a late refresh never takes every process out
 * at once. Neither does a credential that its source does not deliver: it fails for all processes at
 * once, and a restart would lose the one in force.
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
  const { renewBeforeMs: beforeMs = RENEWAL.defaultRenewBeforeMs } = context.renewal;
  const before = `within ${Math.ceil(beforeMs / DAY_MS)} days`;
  const newest = keyRing.newestCertificate(nowMs);
  const hasPublicKey = keyRing.keys.some(({ kind }) => kind === 'publicKey');
  if (newest && !hasPublicKey && newest.notAfterMs - nowMs < beforeMs) {
    warn(`the last platform certificate expires ${before}`);
  }
  if (credential?.notAfterMs !== undefined && credential.notAfterMs - nowMs < beforeMs) {
    warn(
      credential.notAfterMs <= nowMs
        ? 'the merchant certificate (商户API证书) has expired'
        : `the merchant certificate (商户API证书) expires ${before}`,
    );
  }
  if (credentials.lastError) {
    warn(
      credential
        ? 'the merchant credential cannot be loaded anew; the one before stays'
        : 'the merchant credential cannot be loaded, and calls cannot be signed',
    );
  }
  if (status.failures >= MISSED_REFRESHES) warn(`${status.failures} refreshes failed in a row`);
  else if (isOverdue(certificates, nowMs)) {
    warn('the platform certificates were last renewed more than 24 hours ago');
  }
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
      lastCredentialError: credentials.lastError?.code,
      clockSkewMs,
      notifications: counts,
    },
  };
}

/** Whether renewals have stopped without a failure; a list that nobody has needed yet is not late. */
function isOverdue(
  { usesCertificates, keyRing, status }: MerchantContext['certificates'],
  nowMs: number,
): boolean {
  const isRenewed = usesCertificates && keyRing.signedAtMs > 0 && !status.hasNoCertificates;
  return isRenewed && nowMs - keyRing.signedAtMs > OLD_LIST_MS;
}

function daysLeft(notAfterMs: number | undefined, nowMs: number): number | undefined {
  if (notAfterMs === undefined || !Number.isFinite(notAfterMs)) return undefined;
  return Math.floor((notAfterMs - nowMs) / DAY_MS);
}
