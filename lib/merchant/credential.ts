import { createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import {
  certificateFacts,
  isCertificateSerial,
  parseCertificate,
  parsePrivateKey,
  type CertificateFacts,
  type PemInput,
} from '../crypto/index.js';
import { checkMessageOf } from '../errors/index.js';
import type { CredentialMaterial, Signer } from './credential-source.js';

/**
 * Who the merchant is: an immutable snapshot, replaced as a whole.
 *
 * @publicApi
 */
export interface MerchantCredential {
  readonly mchid: string;
  /** Serial number of the merchant certificate, upper-case hexadecimal. */
  readonly serialNo: string;
  /** `undefined` when a {@link signer} signs. */
  readonly privateKey: KeyObject | undefined;
  /** Signs in place of the private key. */
  readonly signer: Signer | undefined;
  /** PEM, when the source delivered one: for hosts that ask for a client certificate. */
  readonly certificate: string | undefined;
  /** The current APIv3 key first, then predecessors still valid for decryption. */
  readonly apiV3Keys: readonly KeyObject[];
  /** Predecessors that may still decrypt what was encrypted for their certificates. */
  readonly previousPrivateKeys: readonly KeyObject[];
  /** When the merchant certificate expires; `undefined` when only its serial is known. */
  readonly notAfterMs: number | undefined;
}

/** Thrown values of the parsers are `TypeError`s whose message starts with a verb. */
type Collect = (problem: string) => void;

/**
 * Checks a credential as a whole and makes the snapshot.
 *
 * @returns the snapshot, or every problem found (never a secret in it)
 */
export function checkCredential(
  mchid: string,
  material: CredentialMaterial,
  nowMs: number,
): { credential: MerchantCredential } | { problems: readonly string[] } {
  const problems: string[] = [];
  const collect: Collect = (problem) => problems.push(problem);
  if (typeof material !== 'object' || material === null) {
    return { problems: ['the source delivered no { privateKey, certificate, apiV3Keys }'] };
  }
  const signer = readSigner(material, collect);
  const privateKey = signer ? undefined : readPrivateKey(material.privateKey, collect);
  const certificate = readCertificate(material.certificate, collect);
  const serialNo = checkSerial(material.serialNo, certificate, collect);
  const apiV3Keys = readApiV3Keys(material.apiV3Keys, collect);
  if (certificate) checkCertificate(certificate, mchid, nowMs, collect);
  if (certificate && privateKey && !isPair(privateKey, certificate)) {
    collect(
      'credential.privateKey does not belong to credential.certificate: take apiclient_key.pem and apiclient_cert.pem from the same download',
    );
  }
  if (problems.length > 0 || !serialNo) return { problems };
  return {
    credential: Object.freeze({
      mchid,
      serialNo,
      privateKey,
      signer,
      certificate: certificate?.pem,
      apiV3Keys: Object.freeze(apiV3Keys),
      previousPrivateKeys: Object.freeze([]),
      notAfterMs: certificate?.notAfterMs,
    }),
  };
}

function readSigner(material: CredentialMaterial, collect: Collect): Signer | undefined {
  const signer: unknown = material.signer ?? undefined;
  if (signer === undefined) return undefined;
  if (material.privateKey !== undefined) {
    collect('credential.privateKey and credential.signer exclude each other');
  }
  if (typeof (signer as Partial<Signer>).sign === 'function') return signer as Signer;
  collect('credential.signer must have sign(message, signal)');
  return undefined;
}

function readPrivateKey(
  input: PemInput | KeyObject | undefined,
  collect: Collect,
): KeyObject | undefined {
  try {
    const isGiven = typeof input === 'string' || Buffer.isBuffer(input);
    if (!isGiven && !(input instanceof KeyObject)) throw new TypeError('is missing');
    return parsePrivateKey(input);
  } catch (error) {
    collect(`credential.privateKey (商户API私钥) ${checkMessageOf(error)}`);
    return undefined;
  }
}

function readCertificate(
  input: PemInput | null | undefined,
  collect: Collect,
): (CertificateFacts & { readonly pem: string }) | undefined {
  if (input === undefined || input === null) return undefined;
  try {
    const parsed = parseCertificate(input);
    return { ...certificateFacts(parsed), pem: parsed.toString() };
  } catch (error) {
    collect(`credential.certificate (商户API证书) ${checkMessageOf(error)}`);
    return undefined;
  }
}

function checkSerial(
  given: string | null | undefined,
  certificate: CertificateFacts | undefined,
  collect: Collect,
): string | undefined {
  if (given === undefined || given === null) {
    if (!certificate) {
      collect(
        'credential.certificate or credential.serialNo (商户API证书序列号) is missing: give one of them',
      );
    }
    return certificate?.serialNo;
  }
  const serialNo = String(given).trim().toUpperCase(); // a source may deliver anything
  if (!isCertificateSerial(serialNo)) {
    collect(
      'credential.serialNo (商户API证书序列号) is not a hexadecimal number of up to 40 digits',
    );
    return undefined;
  }
  if (certificate && certificate.serialNo.replace(/^0+/, '') !== serialNo.replace(/^0+/, '')) {
    collect(
      `credential.serialNo is not that of credential.certificate, ${certificate.serialNo}: leave serialNo out`,
    );
  }
  return certificate?.serialNo ?? serialNo;
}

function readApiV3Keys(keys: readonly string[], collect: Collect): KeyObject[] {
  if (!Array.isArray(keys)) {
    collect('credential.apiV3Keys (APIv3密钥) must be a list, the current one first');
    return [];
  }
  if (keys.length === 0) collect('credential.apiV3Key (APIv3密钥) is missing');
  return keys.map((key, index) => {
    const name = index === 0 ? 'credential.apiV3Key' : `credential.apiV3Key[${index}]`;
    const bytes = Buffer.from(typeof key === 'string' ? key : '', 'utf8');
    if (bytes.length !== 32) {
      collect(`${name} (APIv3密钥) is ${bytes.length} bytes long: it has exactly 32 characters`);
    } else if (!/^[\x21-\x7e]{32}$/.test(key)) {
      collect(`${name} (APIv3密钥) has characters other than letters and digits`);
    }
    return createSecretKey(bytes.length === 0 ? Buffer.alloc(32) : bytes);
  });
}

function checkCertificate(
  certificate: CertificateFacts,
  mchid: string,
  nowMs: number,
  collect: Collect,
): void {
  const { commonName = '' } = certificate;
  // an mchid that is no number is reported by itself, and may be a secret in the wrong place
  const isNumber = /^\d{1,32}$/.test(mchid);
  if (isNumber && /^\d{8,}$/.test(commonName) && commonName !== mchid) {
    collect(`credential.certificate belongs to merchant ${commonName}, not to mchid ${mchid}`);
  }
  if (certificate.notAfterMs <= nowMs) {
    collect(
      `credential.certificate expired on ${new Date(certificate.notAfterMs).toISOString()}: apply for a new one (账户中心 → API安全 → 商户API证书)`,
    );
  } else if (certificate.notBeforeMs > nowMs) {
    collect(
      `credential.certificate is valid only from ${new Date(certificate.notBeforeMs).toISOString()}: check the clock of this machine`,
    );
  }
}

function isPair(privateKey: KeyObject, certificate: CertificateFacts): boolean {
  return createPublicKey(privateKey).equals(certificate.publicKey);
}
