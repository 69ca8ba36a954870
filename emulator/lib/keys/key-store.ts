import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomUUID,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { makeCertificate } from './certificate-maker.js';

/** A private key and the certificate made for it. @internal */
export interface CertifiedKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** 40 upper-case hex digits. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly privateKeyPath: string;
  readonly certificatePath: string;
}

/** A key pair without a certificate. @internal */
export interface BareKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicKeyPem: string;
  readonly publicKeyPath: string;
}

const makeRsaKey = promisify(generateKeyPair);
const monthMs = 30 * 24 * 3600 * 1000;

/**
 * Where keys are kept when nobody says otherwise: `$XDG_CACHE_HOME`, else `~/.cache`, one folder
 * for this package.
 *
 * @publicApi
 */
export function defaultKeysDir(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  const base =
    configured !== undefined && isAbsolute(configured) ? configured : join(homedir(), '.cache');
  return join(base, 'nestjs-wechatpay-emulator');
}

/**
 * Keys that are made once and kept in files: RSA-2048 takes a tenth of a second and more each.
 *
 * Folders are 0700 and files 0600. Several processes may start at once on an empty folder: the
 * first complete file wins, and everybody uses that one.
 *
 * @internal
 */
export class KeyStore {
  constructor(readonly folder: string) {}

  /**
   * The n-th key and API certificate of a merchant, from 1; the certificate's common name is the
   * mchid.
   */
  async merchant(mchid: string, index = 1): Promise<CertifiedKey> {
    const files = { key: 'apiclient_key.pem', certificate: 'apiclient_cert.pem' };
    const folder = join('merchants', mchid);
    return this.certified(index === 1 ? folder : join(folder, String(index)), mchid, files);
  }

  /** The n-th platform certificate, from 1. */
  async platformCertificate(index: number): Promise<CertifiedKey> {
    const files = { key: 'key.pem', certificate: 'certificate.pem' };
    const name = 'WeChat Pay emulator platform certificate';
    return this.certified(join('platform', String(index)), name, files);
  }

  /** The WeChat Pay public key (微信支付公钥) with its private half. */
  async publicKey(): Promise<BareKey> {
    const folder = join(this.folder, 'public-key');
    const privateKey = await this.bundle(join(folder, 'bundle.pem'), newKeyPem, parsePrivateKey);
    const publicKey = createPublicKey(privateKey);
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const publicKeyPath = join(folder, 'pub_key.pem');
    await replaceFile(publicKeyPath, publicKeyPem);
    return { privateKey, publicKey, publicKeyPem, publicKeyPath };
  }

  private async certified(
    place: string,
    commonName: string,
    files: { key: string; certificate: string },
  ): Promise<CertifiedKey> {
    const folder = join(this.folder, place);
    const make = () => newBundle(commonName);
    const parsed = await this.bundle(join(folder, 'bundle.pem'), make, parseBundle);
    const privateKeyPath = join(folder, files.key);
    const certificatePath = join(folder, files.certificate);
    await replaceFile(privateKeyPath, parsed.privateKeyPem);
    await replaceFile(certificatePath, parsed.certificatePem);
    return { ...parsed, privateKeyPath, certificatePath };
  }

  /**
   * Reads the file, or makes its content and puts it there unless somebody else was faster. A file
   * that is damaged or about to expire is replaced.
   */
  private async bundle<T>(
    path: string,
    make: () => Promise<string>,
    parse: (content: string) => T | undefined,
  ): Promise<T> {
    const present = await readIfPresent(path);
    const usable = present === undefined ? undefined : parse(present);
    if (usable !== undefined) return usable;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (present !== undefined) await rm(path, { force: true });
    await publish(path, await make());
    const parsed = parse(await readFile(path, 'utf8'));
    if (parsed === undefined) throw new TypeError(`the key file ${path} cannot be read; delete it`);
    return parsed;
  }
}

/** Puts a complete file in place unless there is one already. */
async function publish(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`;
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

async function newKeyPem(): Promise<string> {
  const { privateKey } = await makeRsaKey('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function newBundle(commonName: string): Promise<string> {
  const pem = await newKeyPem();
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  return pem + (await makeCertificate(commonName, privateKey, publicKey, Date.now()));
}

type ParsedBundle = Omit<CertifiedKey, 'privateKeyPath' | 'certificatePath'>;

function parseBundle(bundle: string): ParsedBundle | undefined {
  try {
    const at = bundle.indexOf('-----BEGIN CERTIFICATE-----');
    const privateKeyPem = bundle.slice(0, at);
    const certificatePem = bundle.slice(at);
    const certificate = new X509Certificate(certificatePem);
    const privateKey = createPrivateKey(privateKeyPem);
    const notAfterMs = Date.parse(certificate.validTo);
    const isUsable = certificate.checkPrivateKey(privateKey) && notAfterMs > Date.now() + monthMs;
    if (!isUsable) return undefined;
    return {
      privateKey,
      publicKey: certificate.publicKey,
      privateKeyPem,
      certificatePem,
      serial: certificate.serialNumber.toUpperCase(),
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs,
    };
  } catch {
    return undefined;
  }
}

function parsePrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** Writes a file that is derived from the bundle; the same content is left alone. */
async function replaceFile(path: string, content: string): Promise<void> {
  if ((await readIfPresent(path)) === content) return;
  const draft = `${path}.${randomUUID()}.tmp`;
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  await rename(draft, path);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Not by `instanceof`: under Jest, errors of Node come from another realm. */
function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
