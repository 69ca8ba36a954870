import type { KeyObject } from 'node:crypto';
import type { Observable, Subscription } from 'rxjs';
import { createContext, type Transport } from '../transport/index.js';

/** The part of a credential that proves who the merchant is to a host that asks. */
interface CertifiedKey {
  readonly privateKey?: KeyObject | undefined;
  /** PEM. */
  readonly certificate?: string | undefined;
}

/** What keeps a credential from being shown to hosts, one sentence a problem. */
export function identityProblems({ privateKey, certificate }: CertifiedKey): string[] {
  if (certificate === undefined) {
    return [
      'http.tls.clientCertificate needs credential.certificate (商户API证书, apiclient_cert.pem): its serial number alone cannot be shown to a host',
    ];
  }
  if (!privateKey) {
    return [
      'http.tls.clientCertificate needs credential.privateKey (商户API私钥): a signer cannot make TLS connections',
    ];
  }
  try {
    createContext({}, { key: privateKey, cert: certificate });
    return [];
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return [
      `http.tls.clientCertificate: OpenSSL refuses credential.certificate with credential.privateKey (${code}): apply for a new one (账户中心 → API安全 → 商户API证书)`,
    ];
  }
}

/**
 * Shows the certificate of the credential in force to hosts that ask for one, from each emission
 * on. The transport must be this merchant's alone.
 *
 * @param credential$ credentials that {@link identityProblems} found nothing wrong with; one that
 * cannot be shown leaves the transport as it is
 * @returns ends it; the transport keeps the last identity
 */
export function presentIdentity(
  credential$: Observable<CertifiedKey>,
  transport: Transport,
): Subscription {
  return credential$.subscribe(({ privateKey: key, certificate: cert }) => {
    if (key && cert !== undefined) transport.useIdentity({ key, cert });
  });
}
