/**
 * A platform that signs with certificates, rotates them and lists them as the platform does: both are
 * listed before the new one signs anything, and for a while after that both sign. It answers native
 * prepay and the certificate list of any merchant of the roster, delivers notifications, and forges
 * some. What it signs is signed before it is needed, so that a rotation costs it next to nothing.
 */
import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import { answer } from '../../support/rpc.mjs';
import { APPID, merchantFacts, NOTIFY_PATH, platformAt } from '../../support/roster.mjs';

const AUTHORIZATION =
  /^WECHATPAY2-SHA256-RSA2048 (?=.*mchid="(?<mchid>\d+)")(?=.*nonce_str="(?<nonce>\w+)")(?=.*timestamp="(?<timestamp>\d{10})")(?=.*serial_no="(?<serial>[0-9A-F]+)")(?=.*signature="(?<signature>[A-Za-z0-9+/]{342}==)")/;
/** A signed time is good for five minutes. */
const SIGNED_AGAIN_MS = 60_000;
/** Of so many answers and notifications one is still signed with the certificate before. */
const OLD_ONE_IN = 4;

const signAsync = promisify(sign);
const PREPAY = Buffer.from('{"code_url":"weixin://wxpay/bizpayurl?pr=bench0000001"}');

let roster;
let verifiers;
let privateKeys;
let sampleEvery;
let generation = 0;
/** Certificates that were made before they are needed, by generation. */
const signers = [];
let listed;
let current;
let previous;
let next;
let turns = 0;
let holding = 0;
let stats;
const merchants = new Map();
let stream;

/** A certificate of the platform and what it has signed already. */
class Signer {
  constructor(at) {
    const { serialNo, keyIndex, certificate } = platformAt(roster, at);
    this.serialNo = serialNo;
    this.certificate = certificate;
    this.key = privateKeys[keyIndex];
    this.kept = new Map();
  }

  /** Headers over a body, made anew. */
  async sign(body) {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const nonce = randomBytes(16).toString('hex');
    const message = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, LINE_FEED]);
    const signature = await signAsync('sha256', message, this.key);
    return {
      'content-type': 'application/json',
      'content-length': String(body.length),
      'request-id': `08${randomBytes(12).toString('hex').toUpperCase()}-0`,
      'wechatpay-nonce': nonce,
      'wechatpay-serial': this.serialNo,
      'wechatpay-signature': signature.toString('base64'),
      'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
      'wechatpay-timestamp': timestamp,
    };
  }

  /** A body with its headers, made once a minute. */
  async keep(name, makeBody) {
    const held = this.kept.get(name);
    if (held && performance.now() - held.at < SIGNED_AGAIN_MS) return held;
    const body = makeBody();
    const made = { at: performance.now(), body, headers: await this.sign(body) };
    this.kept.set(name, made);
    return made;
  }
}

const LINE_FEED = Buffer.from('\n');

function merchant(mchid) {
  let known = merchants.get(mchid);
  if (!known) {
    const facts = merchantFacts(roster, mchid, 0);
    known = { generation: 0, accepted: [facts], apiV3Key: facts.apiV3Key };
    merchants.set(mchid, known);
  }
  return known;
}

function seal(apiV3Key, plaintext, associatedData) {
  const nonce = randomBytes(6).toString('hex');
  const cipher = createCipheriv('aes-256-gcm', apiV3Key, nonce, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(associatedData));
  const sealed = [cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()];
  const ciphertext = Buffer.concat(sealed).toString('base64');
  return { algorithm: 'AEAD_AES_256_GCM', nonce, associated_data: associatedData, ciphertext };
}

function certificateList({ apiV3Key }) {
  const data = listed.map(({ serialNo, certificate }) => ({
    serial_no: serialNo,
    effective_time: '2026-01-01T00:00:00+08:00',
    expire_time: '2031-01-01T00:00:00+08:00',
    encrypt_certificate: seal(apiV3Key, certificate, 'certificate'),
  }));
  return Buffer.from(JSON.stringify({ data }));
}

function notification(mchid) {
  const transaction = {
    mchid,
    appid: APPID,
    out_trade_no: 'bench000000000001',
    transaction_id: '4200001234202601010000000001',
    trade_type: 'NATIVE',
    trade_state: 'SUCCESS',
    trade_state_desc: '支付成功',
    bank_type: 'OTHERS',
    attach: '',
    success_time: '2026-01-01T12:00:00+08:00',
    payer: { openid: 'bench-openid' },
    amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
  };
  const { apiV3Key } = merchant(mchid);
  const envelope = {
    id: `bench-${randomBytes(15).toString('hex')}`,
    create_time: '2026-01-01T12:00:00+08:00',
    resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    resource: {
      original_type: 'transaction',
      ...seal(apiV3Key, JSON.stringify(transaction), 'transaction'),
    },
  };
  return Buffer.from(JSON.stringify(envelope));
}

/** Who signs the next answer: through an overlap mostly the new one, and the old one still. */
function signer() {
  turns = (turns + 1) % OLD_ONE_IN;
  return previous && turns === 0 ? previous : current;
}

const server = createServer({ keepAliveTimeout: 8_000 }, (request, response) => {
  serve(request, response).catch(() => response.destroy());
});

async function serve(request, response) {
  stats.requests++;
  const isSampled = stats.requests % sampleEvery === 1 % sampleEvery;
  const body = await bodyOf(request);
  const claim = AUTHORIZATION.exec(request.headers.authorization ?? '')?.groups;
  const known = claim && merchant(claim.mchid);
  const credential = known?.accepted.find(({ serialNo }) => serialNo === claim.serial);
  if (!credential) return refuse(response, 'malformed');
  if (isSampled) {
    stats.sampled++;
    if (!isSigned(request, claim, body, credential)) return refuse(response, 'unsigned');
  }
  if (request.method === 'GET' && request.url === '/v3/certificates') {
    stats.downloads++;
    if (holding > 0) {
      holding--;
      stats.held++;
      return; // never answered: whoever asked will not live to see it
    }
    const list = certificateList(known);
    return send(response, list, await current.sign(list));
  }
  if (request.method !== 'POST' || request.url !== '/v3/pay/transactions/native') {
    return response.writeHead(404).end();
  }
  const reply = await signer().keep('prepay', () => PREPAY);
  send(response, reply.body, reply.headers);
}

function send(response, body, headers) {
  response.writeHead(200, headers);
  response.end(body);
}

function bodyOf(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function isSigned({ method, url }, { timestamp, nonce, signature }, body, { keyIndex }) {
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) >= 300) return false;
  const head = Buffer.from(`${method}\n${url}\n${timestamp}\n${nonce}\n`);
  const message = Buffer.concat([head, body, LINE_FEED]);
  return verify('sha256', message, verifiers[keyIndex], Buffer.from(signature, 'base64'));
}

function refuse(response, why) {
  stats[why]++;
  response.writeHead(401, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ code: 'SIGN_ERROR', message: why }));
}

function forget() {
  const was = stats;
  stats = { requests: 0, downloads: 0, held: 0, sampled: 0, malformed: 0, unsigned: 0 };
  return was;
}

/** Delivers one notification after the other; what is not accepted is counted. */
async function lane({ pool, mchid }) {
  while (!stream.isEnding) {
    const by = signer();
    const { apiV3Key } = merchant(mchid);
    const { headers, body } = await by.keep(`notify ${apiV3Key}`, () => notification(mchid));
    const response = await pool.request({ method: 'POST', path: NOTIFY_PATH, headers, body });
    const text = await response.body.text();
    stream.delivered++;
    if (response.statusCode === 204) continue;
    stream.refused++;
    stream.firstRefusal ??= `${response.statusCode} ${text} (signed by ${by.serialNo})`;
  }
}

answer({
  /**
   * Starts listening.
   *
   * @param sampleEvery one request of so many is verified
   * @param rotations how many certificates to make beforehand
   */
  async start({ rotations = 0, ...args }) {
    ({ roster, sampleEvery = 16 } = args);
    privateKeys = roster.pool.map(({ privateKey }) => createPrivateKey(privateKey));
    for (let n = 0; n <= rotations; n++) signers.push(new Signer(n));
    verifiers = roster.pool.map(({ publicKey }) => createPublicKey(publicKey));
    [current] = signers;
    listed = [current];
    forget();
    await new Promise((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return { url: `http://127.0.0.1:${server.address().port}`, serialNo: current.serialNo };
  },
  /** Lists the next certificate beside the one that signs; the one before that leaves. */
  async announce({ mchid } = {}) {
    generation++;
    next = signers[generation] ?? new Signer(generation);
    await next.keep('prepay', () => PREPAY);
    if (mchid !== undefined) {
      await next.keep(`notify ${merchant(mchid).apiV3Key}`, () => notification(mchid));
    }
    previous = undefined;
    listed = [current, next];
    return { serialNo: next.serialNo };
  },
  /** Signs with the announced certificate; one answer in four still with the one before. */
  turn() {
    previous = current;
    current = next;
  },
  /** Accepts the merchant's next certificate beside its present one. */
  admit({ mchid }) {
    const known = merchant(mchid);
    known.generation++;
    const facts = merchantFacts(roster, mchid, known.generation);
    known.accepted = [facts, known.accepted[0]];
    return { generation: known.generation };
  },
  /** Encrypts with the merchant's new APIv3 key from now on. */
  async encryptWithNew({ mchid }) {
    const known = merchant(mchid);
    const { apiV3Key } = known.accepted[0];
    known.apiV3Key = apiV3Key;
    const ahead = [current, previous].filter((each) => each !== undefined);
    await Promise.all(
      ahead.map((each) => each.keep(`notify ${apiV3Key}`, () => notification(mchid))),
    );
  },
  /** Leaves the next downloads without an answer. */
  hold({ count }) {
    holding = count;
  },
  /** Begins to deliver notifications, so many at a time. */
  beginStream({ url, mchid, lanes }) {
    const pool = new Pool(url, { connections: lanes });
    stream = { delivered: 0, refused: 0, firstRefusal: undefined, isEnding: false, pool };
    stream.running = Promise.all(Array.from({ length: lanes }, () => lane({ pool, mchid })));
    stream.running.catch(() => undefined);
  },
  async endStream() {
    stream.isEnding = true;
    await stream.running;
    await stream.pool.close();
    const { delivered, refused, firstRefusal } = stream;
    return { delivered, refused, firstRefusal };
  },
  /** Notifications of a stranger, each with a serial number that nobody has ever seen. */
  async forge({ url, mchids, count, concurrency }) {
    const pool = new Pool(url, { connections: concurrency });
    let sent = 0;
    let accepted = 0;
    const stranger = async () => {
      while (sent < count) {
        const mchid = mchids[sent++ % mchids.length];
        const headers = {
          'content-type': 'application/json',
          'wechatpay-nonce': randomBytes(16).toString('hex'),
          'wechatpay-serial': `6C${randomBytes(19).toString('hex').toUpperCase()}`,
          'wechatpay-signature': randomBytes(256).toString('base64'),
          'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
          'wechatpay-timestamp': String(Math.floor(Date.now() / 1000)),
        };
        const path = `${NOTIFY_PATH}/${mchid}`;
        const response = await pool.request({ method: 'POST', path, headers, body: '{}' });
        await response.body.dump();
        if (response.statusCode !== 401) accepted++;
      }
    };
    await Promise.all(Array.from({ length: concurrency }, stranger));
    await pool.close();
    return { sent, accepted };
  },
  /** What has come since the last time it was asked. */
  takeStats: forget,
});
