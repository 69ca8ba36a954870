/** The platform's side: signed, encrypted notifications, as many a second as the machine can sign. */
import { createCipheriv, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';

/** Asynchronously it runs in the thread pool. */
const signLater = promisify(sign);
const PROBE = 'WECHATPAY/SIGNTEST/';
const TIME = '2026-01-01T12:00:00+08:00';

export class Platform {
  #parties;
  #privateKey;

  constructor(parties) {
    this.#parties = parties;
    this.#privateKey = createPrivateKey(parties.platform.privateKey);
  }

  /** The bytes of a delivery, signed now: genuine, a probe of the signature, or tampered. */
  async sign({ order, kind, id, flaw }) {
    const body = Buffer.from(this.#notification(order, id));
    const timestamp = String(Math.floor(Date.now() / 1000));
    const nonce = randomBytes(16).toString('hex');
    const message = Buffer.from(`${timestamp}\n${nonce}\n${body}\n`);
    const signature = (await signLater('sha256', message, this.#privateKey)).toString('base64');
    if (kind === 'tampered') body[Math.floor(flaw * body.length)] ^= 1;
    return {
      body,
      headers: {
        'content-type': 'application/json',
        'wechatpay-nonce': nonce,
        'wechatpay-serial': this.#parties.platform.id,
        'wechatpay-signature': kind === 'probe' ? PROBE + signature : signature,
        'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
        'wechatpay-timestamp': timestamp,
      },
    };
  }

  #notification({ no, fen }, id) {
    const { mchid, appid, apiV3Key } = this.#parties.merchant;
    const nonce = randomBytes(6).toString('hex');
    const cipher = createCipheriv('aes-256-gcm', apiV3Key, nonce, { authTagLength: 16 });
    cipher.setAAD(Buffer.from('transaction'));
    const payment = JSON.stringify({
      ...{ mchid, appid, out_trade_no: no, transaction_id: `4200${no}` },
      ...{ trade_type: 'NATIVE', trade_state: 'SUCCESS', trade_state_desc: '支付成功' },
      ...{ bank_type: 'OTHERS', attach: '', success_time: TIME, payer: { openid: 'chaos' } },
      amount: { total: fen, payer_total: fen, currency: 'CNY', payer_currency: 'CNY' },
    });
    const sealed = [cipher.update(payment, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return JSON.stringify({
      ...{ id: `${id}-${no}`, create_time: TIME, summary: '支付成功' },
      ...{ event_type: 'TRANSACTION.SUCCESS', resource_type: 'encrypt-resource' },
      resource: {
        ...{ original_type: 'transaction', algorithm: 'AEAD_AES_256_GCM' },
        ...{ ciphertext: Buffer.concat(sealed).toString('base64') },
        ...{ associated_data: 'transaction', nonce },
      },
    });
  }
}
