import { createDecipheriv, createHash, pbkdf2 } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { bytesOf, MalformedP12, oidOf, partsOf, type Node } from './asn1.js';

/** OpenSSL and 腾讯 use 2,048, old versions of Java up to 100,000. */
export const MAX_ITERATIONS = 100_000;
const MAX_TOTAL_ITERATIONS = 500_000;
const MAX_SALT_BYTES = 1024;
const ITERATIONS_A_TURN = 500;

/** Why a file is not computed with. The message is for the reader. */
export class RefusedP12 extends Error {}

/** What a seal or a padding that does not fit most often means. */
export const WRONG_PASSWORD =
  'does not open with the password: that of apiclient_cert.p12 is the mchid (商户号), unless the file is damaged';

/** What may be spent on one file: deriving keys is all that takes time. */
export class IterationBudget {
  #left = MAX_TOTAL_ITERATIONS;

  /** @returns the count, when it may be computed with */
  spend(node: Node | undefined): number {
    const bytes = bytesOf(node);
    const start = bytes.findIndex((byte) => byte !== 0);
    const significant = start < 0 ? bytes.subarray(0, 0) : bytes.subarray(start);
    const count = significant.length > 4 ? Infinity : readUint(significant);
    if (count < 1) throw new MalformedP12('an iteration count is missing');
    this.#left -= count;
    if (count > MAX_ITERATIONS || this.#left < 0) {
      throw new RefusedP12(
        `wants more than ${MAX_ITERATIONS} iterations to be opened: export it again with fewer (openssl pkcs12 -export -iter 2048)`,
      );
    }
    return count;
  }
}

function readUint(bytes: Buffer): number {
  return bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length);
}

/** A cipher of PKCS#12 itself (RFC 7292, appendix C) with its key length. */
const PKCS12_CIPHERS: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> =
  new Map([
    ['1.2.840.113549.1.12.1.3', { name: 'des-ede3-cbc', keyBytes: 24 }],
    ['1.2.840.113549.1.12.1.4', { name: 'des-ede-cbc', keyBytes: 16 }],
    ['1.2.840.113549.1.12.1.5', { name: 'rc2', keyBytes: 16 }],
    ['1.2.840.113549.1.12.1.6', { name: 'rc2', keyBytes: 5 }],
  ]);
const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const PBES2_CIPHERS: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> =
  new Map([
    ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24 }],
    ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16 }],
    ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24 }],
    ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyBytes: 32 }],
  ]);
const HMACS: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

/**
 * Decrypts what is encrypted with a password, by the old ways of PKCS#12 and by PBES2.
 *
 * @param algorithm the AlgorithmIdentifier
 * @throws {RefusedP12} an unknown way, or too many iterations: before anything is computed
 * @throws an error of the cipher when the password is wrong
 */
export async function decryptWithPassword(
  algorithm: Node | undefined,
  encrypted: Buffer,
  password: string,
  budget: IterationBudget,
): Promise<Buffer> {
  const [oid, parameters] = partsOf(algorithm);
  const name = oidOf(oid);
  if (name === PBES2) return decryptPbes2(partsOf(parameters), encrypted, password, budget);
  const cipher = PKCS12_CIPHERS.get(name);
  if (!cipher) throw new RefusedP12(`is encrypted in a way that is not supported (${name})`);
  const [saltNode, countNode] = partsOf(parameters);
  const salt = saltOf(saltNode);
  const count = budget.spend(countNode);
  const key = await derivePkcs12Key('sha1', password, salt, 1, count, cipher.keyBytes);
  const iv = await derivePkcs12Key('sha1', password, salt, 2, count, 8);
  return cipher.name === 'rc2'
    ? decryptRc2(encrypted, key, iv)
    : decryptNatively(cipher.name, encrypted, key, iv);
}

async function decryptPbes2(
  [derivation, scheme]: readonly Node[],
  encrypted: Buffer,
  password: string,
  budget: IterationBudget,
): Promise<Buffer> {
  const [kdf, parameters] = partsOf(derivation);
  const [schemeOid, iv] = partsOf(scheme);
  const cipher = PBES2_CIPHERS.get(oidOf(schemeOid));
  if (oidOf(kdf) !== PBKDF2 || !cipher) {
    throw new RefusedP12('is encrypted in a way that is not supported: use AES or 3DES');
  }
  const [saltNode, countNode, ...others] = partsOf(parameters);
  const prf = others.find(({ value }) => Array.isArray(value));
  const digest = prf ? HMACS.get(oidOf(partsOf(prf)[0])) : 'sha1';
  if (!digest) throw new RefusedP12('derives its key in a way that is not supported: use SHA-256');
  const salt = saltOf(saltNode);
  const count = budget.spend(countNode);
  const key = await promisify(pbkdf2)(password, salt, count, cipher.keyBytes, digest);
  return decryptNatively(cipher.name, encrypted, key, bytesOf(iv));
}

function saltOf(node: Node | undefined): Buffer {
  const salt = bytesOf(node);
  if (salt.length > MAX_SALT_BYTES) throw new RefusedP12('has a salt of more than 1 KiB');
  return salt;
}

function decryptNatively(name: string, encrypted: Buffer, key: Buffer, iv: Buffer): Buffer {
  const decipher = createDecipheriv(name, key, iv);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

/** RC2 has left OpenSSL 3. */
function decryptRc2(encrypted: Buffer, key: Buffer, iv: Buffer): Buffer {
  const decipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), key.length * 8);
  decipher.start(iv.toString('latin1'));
  decipher.update(forge.util.createBuffer(encrypted.toString('latin1')));
  if (!decipher.finish()) throw new RefusedP12(WRONG_PASSWORD);
  return Buffer.from(decipher.output.getBytes(), 'latin1');
}

/**
 * The key derivation of PKCS#12 (RFC 7292, appendix B.2). Lets others have the event loop every
 * few milliseconds.
 *
 * @param id what the bytes are for: 1 a key, 2 an initialisation vector, 3 a MAC
 */
export async function derivePkcs12Key(
  algorithm: string,
  password: string,
  salt: Buffer,
  id: 1 | 2 | 3,
  iterations: number,
  length: number,
): Promise<Buffer> {
  const block = /^sha(?:384|512)$/.test(algorithm) ? 128 : 64;
  const text = Buffer.from(`${password}\0`, 'utf16le').swap16();
  const state = Buffer.concat([repeated(salt, block), repeated(text, block)]);
  const diversifier = Buffer.alloc(block, id);
  const derived: Buffer[] = [];
  for (let have = 0; have < length;) {
    let digest = createHash(algorithm).update(diversifier).update(state).digest();
    for (let done = 1; done < iterations; done++) {
      digest = createHash(algorithm).update(digest).digest();
      if (done % ITERATIONS_A_TURN === 0) await setImmediate();
    }
    derived.push(digest);
    have += digest.length;
    const addend = Buffer.alloc(block, digest);
    for (let at = 0; at < state.length; at += block) {
      addAndOne(state.subarray(at, at + block), addend);
    }
  }
  return Buffer.concat(derived).subarray(0, length);
}

/** Filled up to whole blocks with copies of itself. */
function repeated(bytes: Buffer, block: number): Buffer {
  if (bytes.length === 0) return bytes;
  return Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes);
}

/** `target += addend + 1`, big-endian, without the overflow. */
function addAndOne(target: Buffer, addend: Buffer): void {
  let carry = 1;
  for (let at = target.length - 1; at >= 0; at--) {
    carry += target.readUInt8(at) + addend.readUInt8(at);
    target[at] = carry & 0xff;
    carry >>= 8;
  }
}
