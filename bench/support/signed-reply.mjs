import { randomBytes, sign } from 'node:crypto';

/** An answer of the platform made beforehand: signed anew when the second changes, and not before. */
export class SignedReply {
  #body;
  #keyId;
  #key;
  #signedAt = 0;
  #headers;

  constructor(value, keyId, key) {
    this.#body = Buffer.from(JSON.stringify(value));
    this.#keyId = keyId;
    this.#key = key;
  }

  send(response) {
    const now = Math.floor(Date.now() / 1000);
    if (now !== this.#signedAt) this.#sign(now);
    response.writeHead(200, this.#headers);
    response.end(this.#body);
  }

  #sign(timestamp) {
    const nonce = randomBytes(16).toString('hex');
    const message = Buffer.concat([
      Buffer.from(`${timestamp}\n${nonce}\n`),
      this.#body,
      Buffer.from('\n'),
    ]);
    this.#signedAt = timestamp;
    this.#headers = [
      ...['Content-Type', 'application/json; charset=utf-8'],
      ...['Content-Length', String(this.#body.length)],
      ...['Request-ID', `08${randomBytes(12).toString('hex').toUpperCase()}-0`],
      ...['Wechatpay-Nonce', nonce],
      ...['Wechatpay-Serial', this.#keyId],
      ...['Wechatpay-Signature', sign('sha256', message, this.#key).toString('base64')],
      ...['Wechatpay-Signature-Type', 'WECHATPAY2-SHA256-RSA2048'],
      ...['Wechatpay-Timestamp', String(timestamp)],
    ];
  }
}
