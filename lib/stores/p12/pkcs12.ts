import {
  createHmac,
  createPrivateKey,
  timingSafeEqual,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { bytesOf, derOf, MalformedP12, oidOf, parse, partsOf, type Node } from './asn1.js';
import {
  decryptWithPassword,
  derivePkcs12Key,
  IterationBudget,
  RefusedP12,
  WRONG_PASSWORD,
} from './pbe.js';

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const KEY_BAG = '1.2.840.113549.1.12.10.1.1';
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3';
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';
/** Far more than any export has. */
const MAX_BAGS = 64;

const MAC_HASHES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.5', 'md5'],
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

/** What a merchant needs of a PKCS#12 file. */
export interface KeyAndCertificate {
  readonly privateKey: KeyObject;
  /** PEM. */
  readonly certificate: string;
}

/**
 * Opens a PKCS#12 file: its integrity is checked first, then its key and the certificate of that key
 * are taken out.
 *
 * @throws {RefusedP12} with a remedy; nothing of the file is in it
 */
export async function openPkcs12(bytes: Buffer, password: string): Promise<KeyAndCertificate> {
  try {
    return choose(await readBags(bytes, password));
  } catch (error) {
    if (error instanceof RefusedP12) throw error;
    throw new RefusedP12('is no PKCS#12 file, or damaged: give apiclient_cert.p12 itself');
  }
}

interface Contents {
  readonly keys: KeyObject[];
  readonly certificates: X509Certificate[];
}

async function readBags(file: Buffer, password: string): Promise<Contents> {
  const [, authSafe, mac] = partsOf(parse(file));
  const [kind, wrapped] = partsOf(authSafe);
  if (oidOf(kind) !== DATA) throw new RefusedP12('is sealed with a key, not with a password');
  const content = bytesOf(partsOf(wrapped)[0]);
  const budget = new IterationBudget();
  if (mac) await checkMac(mac, content, password, budget);
  const contents: Contents = { keys: [], certificates: [] };
  let bags = 0;
  for (const info of partsOf(parse(content))) {
    const safe = await openSafe(info, password, budget);
    for (const bag of partsOf(parse(safe))) {
      if (++bags > MAX_BAGS) throw new RefusedP12(`has more than ${MAX_BAGS} entries`);
      await readBag(bag, password, budget, contents);
    }
    safe.fill(0);
  }
  return contents;
}

async function checkMac(
  mac: Node,
  content: Buffer,
  password: string,
  budget: IterationBudget,
): Promise<void> {
  const [digestInfo, salt, iterations] = partsOf(mac);
  const [algorithm, digest] = partsOf(digestInfo);
  const oid = oidOf(partsOf(algorithm)[0]);
  const hash = MAC_HASHES.get(oid);
  if (!hash) throw new RefusedP12(`is sealed in a way that is not supported (${oid})`);
  const expected = bytesOf(digest);
  const count = iterations ? budget.spend(iterations) : 1;
  const seal = bytesOf(salt);
  if (seal.length > 1024) throw new RefusedP12('has a salt of more than 1 KiB');
  const key = await derivePkcs12Key(hash, password, seal, 3, count, expected.length);
  const actual = createHmac(hash, key).update(content).digest();
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) {
    throw new RefusedP12(WRONG_PASSWORD);
  }
}

async function openSafe(info: Node, password: string, budget: IterationBudget): Promise<Buffer> {
  const [kind, wrapped] = partsOf(info);
  const content = partsOf(wrapped)[0];
  if (oidOf(kind) === DATA) return bytesOf(content);
  if (oidOf(kind) !== ENCRYPTED_DATA) {
    throw new RefusedP12('is encrypted with a key, not with a password');
  }
  const [, algorithm, encrypted] = partsOf(partsOf(content)[1]);
  return decrypt(algorithm, bytesOf(encrypted), password, budget);
}

async function readBag(
  bag: Node,
  password: string,
  budget: IterationBudget,
  contents: Contents,
): Promise<void> {
  const [kind, wrapped] = partsOf(bag);
  const value = partsOf(wrapped)[0];
  switch (oidOf(kind)) {
    case SHROUDED_KEY_BAG: {
      const [algorithm, encrypted] = partsOf(value);
      const der = await decrypt(algorithm, bytesOf(encrypted), password, budget);
      contents.keys.push(keyOf(der));
      break;
    }
    case KEY_BAG:
      contents.keys.push(keyOf(derOf(value)));
      break;
    case CERTIFICATE_BAG: {
      const [type, certificate] = partsOf(value);
      if (oidOf(type) !== X509_CERTIFICATE) break;
      contents.certificates.push(new X509Certificate(bytesOf(partsOf(certificate)[0])));
      break;
    }
    default: // certificate revocation lists and secrets are no concern of ours
  }
}

async function decrypt(
  algorithm: Node | undefined,
  encrypted: Buffer,
  password: string,
  budget: IterationBudget,
): Promise<Buffer> {
  try {
    return await decryptWithPassword(algorithm, encrypted, password, budget);
  } catch (error) {
    if (error instanceof RefusedP12 || error instanceof MalformedP12) throw error;
    throw new RefusedP12(WRONG_PASSWORD);
  }
}

function keyOf(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

function choose({ keys, certificates }: Contents): KeyAndCertificate {
  const [privateKey] = keys;
  if (!privateKey) {
    throw new RefusedP12('holds no private key: give apiclient_cert.p12 of the merchant platform');
  }
  if (keys.length > 1) throw new RefusedP12('holds several private keys: export one of them');
  const own = certificates.filter((certificate) => certificate.checkPrivateKey(privateKey));
  const [certificate] = own;
  if (!certificate) {
    throw new RefusedP12(
      certificates.length === 0
        ? 'holds no certificate: export it together with its key'
        : 'holds no certificate of its private key: export both together',
    );
  }
  if (own.length > 1) {
    throw new RefusedP12('holds several certificates of its private key: export one of them');
  }
  return { privateKey, certificate: certificate.toString() };
}
