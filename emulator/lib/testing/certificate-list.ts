import { NEVER, type Observable } from 'rxjs';
import { listCertificates } from '../certificates/certificates.operations.js';
import type { EmulatorClock } from '../clock/clock.js';
import type { MerchantRecord } from '../keys/merchants.js';
import type { PlatformKeys } from '../keys/platform-keys.js';
import { signatureHeaders } from '../keys/signature-headers.js';

/**
 * Has the shape of a `CertificateStore`: the list of platform certificates that would be downloaded,
 * without a platform to download it from. What is written to it is not kept.
 *
 * @publicApi
 */
export interface EmulatorCertificateList {
  read(mchid: string): Promise<
    | {
        readonly headers: Readonly<Record<string, string>>;
        readonly body: Buffer;
      }
    | undefined
  >;
  writeIfNewer(mchid: string, answer: unknown): Promise<boolean>;
  changes(): Observable<string>;
  tryLease(key: string, ttlMs: number): Promise<boolean>;
}

/** The list of one merchant, signed when it is read. @internal */
export function certificateList(
  keys: PlatformKeys,
  clock: EmulatorClock,
  merchant: MerchantRecord,
): EmulatorCertificateList {
  return {
    read: async (mchid) => {
      if (mchid !== merchant.mchid) return undefined;
      const body = Buffer.from(JSON.stringify({ data: listCertificates(keys, clock, merchant) }));
      const signed = signatureHeaders(keys.certificateSigner(), body, clock.seconds());
      const headers = Object.entries(signed).map(([name, value]) => [name.toLowerCase(), value]);
      return { headers: Object.fromEntries(headers), body };
    },
    writeIfNewer: () => Promise.resolve(false),
    changes: () => NEVER,
    tryLease: () => Promise.resolve(true),
  };
}
