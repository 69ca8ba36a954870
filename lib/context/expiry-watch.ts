import type { CertificateOwner, KeyEventDetail } from '../events/index.js';
import type { MerchantContext } from './merchant-context.js';

const DAY_MS = 86_400_000;

/** A certificate in force and when it ends. */
interface Expiry {
  readonly owner: CertificateOwner;
  readonly serial: string;
  readonly notAfterMs: number;
}

/** Says once a day which certificates of a merchant expire soon, or have. */
export class ExpiryWatch {
  /** When each serial was last spoken of; only those in force are kept. */
  #saidAtMs = new Map<string, number>();

  /**
   * What has to be said now.
   *
   * @param beforeMs how long before its end a certificate expires soon
   */
  look(context: MerchantContext, nowMs: number, beforeMs: number): KeyEventDetail[] {
    const said = new Map<string, number>();
    const details: KeyEventDetail[] = [];
    for (const { owner, serial, notAfterMs } of expiries(context, nowMs)) {
      if (notAfterMs - nowMs >= beforeMs) continue;
      const key = `${owner} ${serial}`;
      const lastMs = this.#saidAtMs.get(key);
      const isSaid = lastMs !== undefined && nowMs - lastMs < DAY_MS - DAY_MS / 10;
      said.set(key, isSaid ? lastMs : nowMs);
      const type = notAfterMs <= nowMs ? 'expired' : 'expiring';
      if (!isSaid) details.push({ type, owner, serial, notAfterMs });
    }
    this.#saidAtMs = said;
    return details;
  }
}

/** The certificate of the merchant, and the one of the platform that lasts longest. */
function expiries({ credentials, certificates }: MerchantContext, nowMs: number): Expiry[] {
  const found: Expiry[] = [];
  const { credential } = credentials;
  if (credential?.notAfterMs !== undefined) {
    const { serialNo: serial, notAfterMs } = credential;
    found.push({ owner: 'merchant', serial, notAfterMs });
  }
  const newest = lastCertificate({ certificates }, nowMs);
  if (newest) found.push({ owner: 'platform', serial: newest.id, notAfterMs: newest.notAfterMs });
  return found;
}

/** The platform certificate that lasts longest, expired or not; an older one beside it is no worry. */
function lastCertificate(
  { certificates }: Pick<MerchantContext, 'certificates'>,
  nowMs: number,
): { id: string; notAfterMs: number } | undefined {
  const { keyRing } = certificates;
  return (
    keyRing.newestCertificate(nowMs) ??
    keyRing.keys
      .filter(({ kind }) => kind === 'certificate')
      .slice()
      .sort((one, other) => other.notAfterMs - one.notAfterMs)[0]
  );
}
