// The certificate maker needs this polyfill before it is loaded.
import 'reflect-metadata';
import { webcrypto, type KeyObject } from 'node:crypto';
import { cryptoProvider, X509CertificateGenerator } from '@peculiar/x509';
import { newSerial } from './identifiers.js';

/** Says what the certificate is for wherever it turns up. */
const organisation = 'nestjs-wechatpay-emulator (TEST ONLY)';

/**
 * Five years.
 *
 * @see WeChat Pay APIv3 docs: 平台证书 and 商户API证书, validity
 */
const validityMs = 5 * 365 * 24 * 3600 * 1000;
const signature = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/**
 * Makes a self-signed X.509 certificate with an emulator serial.
 *
 * It is valid from a day ago, so that a clock that is a little behind does not refuse it.
 *
 * @returns PEM text
 * @internal
 */
export async function makeCertificate(
  commonName: string,
  privateKey: KeyObject,
  publicKey: KeyObject,
  nowMs: number,
): Promise<string> {
  cryptoProvider.set(webcrypto);
  const { subtle } = webcrypto;
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const notBefore = nowMs - 24 * 3600 * 1000;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [commonName] }, { O: [organisation] }],
    notBefore: new Date(notBefore),
    notAfter: new Date(notBefore + validityMs),
    signingAlgorithm: signature,
    keys: {
      privateKey: await subtle.importKey('pkcs8', pkcs8, signature, false, ['sign']),
      publicKey: await subtle.importKey('spki', spki, signature, true, ['verify']),
    },
  });
  return `${certificate.toString('pem').trim()}\n`;
}
