import type { KeyObject, X509Certificate } from 'node:crypto';

/** What we keep of a certificate; the `X509Certificate` itself is heavy and is let go. */
export interface CertificateFacts {
  /** Upper-case hexadecimal, leading zeros kept. */
  readonly serialNo: string;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Common name of the subject; the mchid in a merchant certificate. */
  readonly commonName: string | undefined;
}

/** Takes the facts out of a certificate. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  return {
    serialNo: certificate.serialNumber.toUpperCase(),
    publicKey: certificate.publicKey,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    commonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1],
  };
}

/**
 * The form in which serial numbers are compared: upper case, without leading zeros (big-integer
 * conversions of other systems lose them). Ids of public keys (`PUB_KEY_ID_…`) are compared as they
 * are.
 */
export function normaliseSerial(serial: string): string {
  return isPublicKeyId(serial) ? serial : serial.toUpperCase().replace(/^0+(?=.)/, '');
}

/** Whether this names a WeChat Pay public key (微信支付公钥) rather than a certificate. */
export function isPublicKeyId(serial: string): boolean {
  return /^PUB_KEY_ID_[0-9A-Za-z]{1,64}$/.test(serial);
}

/** Whether this can be the serial number of a certificate: 1 to 40 hexadecimal digits. */
export function isCertificateSerial(serial: string): boolean {
  return /^[0-9A-Fa-f]{1,40}$/.test(serial);
}
