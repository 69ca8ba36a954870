import { createHash, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { makeCertificate } from './x509.mjs';

/**
 * Who takes part in the group `keys`, the same in every process that is given it: a pool of RSA keys
 * made once, and a seed from which all else follows. What is rotated is a certificate of its own each
 * time, over the next key of the pool.
 */
export async function makeRoster(keys = 8) {
  const pair = () =>
    promisify(generateKeyPair)('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
  const pool = await Promise.all(Array.from({ length: keys }, pair));
  return { pool, seed: randomBytes(16).toString('hex') };
}

/** The appid of everybody. */
export const APPID = 'wxbench000000000';
export const NOTIFY_PATH = '/wechatpay/notify';

/** The n-th merchant: `19…`. */
export function mchidOf(n) {
  return String(1_900_000_000 + n);
}

/**
 * A merchant's credential after so many rotations: key, certificate and APIv3 key are all others than
 * those before.
 */
export function merchantAt(roster, mchid, generation = 0) {
  const { keyIndex, serialNo, apiV3Key } = merchantFacts(roster, mchid, generation);
  const { publicKey, privateKey } = roster.pool[keyIndex];
  const certificate = makeCertificate({ publicKey, serial: serialNo, commonName: mchid });
  return { mchid, serialNo, privateKey, certificate, apiV3Key };
}

/** What the platform knows of that credential. */
export function merchantFacts({ pool, seed }, mchid, generation) {
  const digest = createHash('sha256').update(`${seed} ${mchid} ${generation}`).digest('hex');
  return {
    keyIndex: (Number(mchid) + generation) % pool.length,
    serialNo: `4A${digest.slice(0, 38)}`.toUpperCase(),
    apiV3Key: digest.slice(32),
  };
}

/** The platform's key and certificate after so many rotations. */
export function platformAt({ pool, seed }, generation) {
  const keyIndex = generation % pool.length;
  const { publicKey, privateKey } = pool[keyIndex];
  const digest = createHash('sha256').update(`${seed} platform ${generation}`).digest('hex');
  const serialNo = `5B${digest.slice(0, 38)}`.toUpperCase();
  const certificate = makeCertificate({
    publicKey,
    privateKey,
    serial: serialNo,
    commonName: 'Tenpay.com sign bench',
  });
  return { serialNo, keyIndex, certificate };
}

/** Options of a merchant whose platform keys are certificates, as nearly all of them have. */
export function optionsOf({ mchid, privateKey, certificate, apiV3Key }, baseUrl, more = {}) {
  return {
    mchid,
    appid: APPID,
    credential: { privateKey, certificate, apiV3Key },
    notifyUrl: 'https://shop.example.com/wechatpay/notify',
    baseUrl,
    backupUrl: false,
    ...more,
  };
}
