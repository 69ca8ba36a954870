/** The platform's side of notifications: delivers signed, encrypted notifications, many at a time. */
import { createCipheriv, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import { orderNo } from '../support/orders.mjs';
import { answer } from '../support/rpc.mjs';
import { drive, drivePaced, quantile } from '../support/stats.mjs';

const signLater = promisify(sign);

async function delivery({ merchant, platform }, privateKey, index) {
  const nonce = randomBytes(6).toString('hex');
  const cipher = createCipheriv('aes-256-gcm', merchant.apiV3Key, nonce, { authTagLength: 16 });
  cipher.setAAD(Buffer.from('transaction'));
  const plaintext = JSON.stringify({
    mchid: merchant.mchid,
    appid: merchant.appid,
    out_trade_no: orderNo(index),
    transaction_id: `42000012342026010101${String(index).padStart(8, '0')}`,
    trade_type: 'NATIVE',
    trade_state: 'SUCCESS',
    trade_state_desc: '支付成功',
    bank_type: 'OTHERS',
    attach: '',
    success_time: '2026-01-01T12:00:00+08:00',
    payer: { openid: 'bench-openid' },
    amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
  });
  const ciphertext = Buffer.concat([
    cipher.update(plaintext, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]).toString('base64');
  const body = JSON.stringify({
    id: `bench-${String(index).padStart(30, '0')}`,
    create_time: '2026-01-01T12:00:00+08:00',
    resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    resource: {
      original_type: 'transaction',
      algorithm: 'AEAD_AES_256_GCM',
      ciphertext,
      associated_data: 'transaction',
      nonce,
    },
  });
  const timestamp = String(Math.floor(Date.now() / 1000));
  const salt = randomBytes(16).toString('hex');
  const message = Buffer.from(`${timestamp}\n${salt}\n${body}\n`);
  const signature = await signLater('sha256', message, privateKey);
  return {
    body: Buffer.from(body),
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Mozilla/4.0',
      'request-id': `08${randomBytes(12).toString('hex').toUpperCase()}-0`,
      'wechatpay-nonce': salt,
      'wechatpay-serial': platform.id,
      'wechatpay-signature': signature.toString('base64'),
      'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
      'wechatpay-timestamp': timestamp,
    },
  };
}

/** However slow a machine is, warming ends. */
const MAX_WARM_UPS = 20;

let parties;
let privateKey;
let deliveries = [];
/** Whether each may be delivered once only. */
let isOnce = false;
/** Deliveries so far: each was answered 204, or the run has ended. */
let next = 0;
/** The most that were delivered in a millisecond. */
let fastest = 0;
let pool;

/** Makes what is missing until there are so many. */
async function make(count) {
  const more = Array.from({ length: Math.max(0, count - deliveries.length) }, (_, index) =>
    delivery(parties, privateKey, deliveries.length + index),
  );
  deliveries = deliveries.concat(await Promise.all(more));
}

/** Delivers for a while, `concurrency` at a time; answers the latencies. */
async function deliverMany({ path, durationMs, concurrency }) {
  const latencies = await drive(() => deliver(path), { durationMs, concurrency });
  fastest = Math.max(fastest, latencies.length / durationMs);
  return latencies;
}

async function deliver(path) {
  if (isOnce && next >= deliveries.length) throw new Error(`all ${next} deliveries are used up`);
  const { headers, body } = deliveries[next++ % deliveries.length];
  const response = await pool.request({ method: 'POST', path, headers, body });
  await response.body.dump();
  if (response.statusCode !== 204) throw new Error(`answered ${response.statusCode}`);
}

/** A delivery that is not genuine must not pass, or the route that is measured guards nothing. */
async function deliverForged(path) {
  const [{ headers, body }] = deliveries;
  const forged = Buffer.from(body);
  forged[body.indexOf('TRANSACTION')] ^= 1;
  const response = await pool.request({ method: 'POST', path, headers, body: forged });
  await response.body.dump();
  if (response.statusCode !== 401) throw new Error(`forged, but answered ${response.statusCode}`);
}

answer({
  async warmUp({ url, path, deliveries: count, once, atLeast, ...load }) {
    ({ parties } = load);
    privateKey = createPrivateKey(parties.platform.privateKey);
    isOnce = once;
    await make(count);
    pool = new Pool(url);
    await deliverForged(path);
    for (let slice = 0; slice < MAX_WARM_UPS && next < atLeast; slice++) {
      await deliverMany({ path, ...load });
    }
    return { total: next };
  },
  /** What the next so many milliseconds may need, if it is not there: before any clock runs. */
  async stock({ durationMs }) {
    if (isOnce) await make(next + Math.ceil(2 * fastest * durationMs));
  },
  async load(load) {
    const startedAt = performance.now();
    const latencies = await deliverMany(load);
    const seconds = (performance.now() - startedAt) / 1e3;
    return {
      delivered: latencies.length,
      total: next,
      figures: {
        requestsPerSecond: latencies.length / seconds,
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
      },
    };
  },
  /** So many a second, whether the answers keep up or not. */
  async paced({ path, durationMs, perSecond }) {
    if (isOnce) await make(next + Math.ceil((durationMs / 1e3) * perSecond));
    const latencies = await drivePaced(() => deliver(path), { durationMs, perSecond });
    return {
      total: next,
      figures: { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) },
    };
  },
});
