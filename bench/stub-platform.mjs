/**
 * A platform as cheap as it can be: it answers native prepay and query with bodies made
 * beforehand and one signature per body and second, which clients must verify all the same.
 *
 * It reads every `Authorization` header and verifies a sample of the requests, so that no
 * contestant can win by not signing.
 */
import { createPublicKey, createPrivateKey, verify } from 'node:crypto';
import { plainAnswer, plainServer } from './support/plain-server.mjs';
import { answer } from './support/rpc.mjs';
import { SignedReply } from './support/signed-reply.mjs';

const AUTHORIZATION =
  /^WECHATPAY2-SHA256-RSA2048 (?=.*mchid="(?<mchid>\d+)")(?=.*nonce_str="(?<nonce>\w+)")(?=.*timestamp="(?<timestamp>\d{10})")(?=.*serial_no="(?<serial>[0-9A-F]+)")(?=.*signature="(?<signature>[A-Za-z0-9+/]{342}==)")/;

let parties;
let keys;
let replies;
let sampleEvery;
let stats;

const server = plainServer((request) => {
  stats.requests++;
  const claim = AUTHORIZATION.exec(request.authorization)?.groups;
  if (claim?.mchid !== parties.merchant.mchid || claim.serial !== parties.merchant.serialNo) {
    return refusal('malformed');
  }
  const reply = replyTo(request);
  if (!reply) return plainAnswer(404);
  if (stats.requests % sampleEvery === 1) {
    stats.sampled++;
    if (!isSigned(request, claim)) return refusal('unsigned');
  }
  return reply.bytes;
});

function replyTo({ method, url }) {
  if (method === 'POST' && url === '/v3/pay/transactions/native') return replies.prepay;
  if (method === 'GET' && url.startsWith('/v3/pay/transactions/')) return replies.query;
  return undefined;
}

function isSigned({ method, url, body }, { timestamp, nonce, signature }) {
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) >= 300) return false;
  const head = Buffer.from(`${method}\n${url}\n${timestamp}\n${nonce}\n`);
  const message = Buffer.concat([head, body, Buffer.from('\n')]);
  return verify('sha256', message, keys.merchant, Buffer.from(signature, 'base64'));
}

function refusal(why) {
  stats[why]++;
  return plainAnswer(401, { code: 'SIGN_ERROR', message: why });
}

function forget() {
  const was = stats;
  stats = { requests: 0, sampled: 0, malformed: 0, unsigned: 0 };
  return was;
}

answer({
  /** Starts listening; `sampleEvery`: one request of so many is verified. */
  async start(args) {
    ({ parties, sampleEvery = 128 } = args);
    keys = {
      platform: createPrivateKey(parties.platform.privateKey),
      merchant: createPublicKey(parties.merchant.publicKey),
    };
    const reply = (value) => new SignedReply(value, parties.platform.id, keys.platform);
    replies = {
      prepay: reply({ code_url: args.codeUrl }),
      query: reply({
        appid: parties.merchant.appid,
        mchid: parties.merchant.mchid,
        out_trade_no: 'bench000001',
        transaction_id: '4200001234202601010123456789',
        trade_type: 'NATIVE',
        trade_state: 'SUCCESS',
        trade_state_desc: '支付成功',
        bank_type: 'OTHERS',
        success_time: '2026-01-01T12:00:00+08:00',
        payer: { openid: 'bench-openid' },
        amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
      }),
    };
    forget();
    await new Promise((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return { url: `http://127.0.0.1:${server.address().port}` };
  },
  /** What has come since the last time it was asked. */
  takeStats: forget,
});
