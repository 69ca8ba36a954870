import { randomBytes, sign } from 'node:crypto';

/** An answer of the platform made beforehand: signed anew when the second changes, and not before. */
export class SignedReply {
  #body;
  #keyId;
  #key;
  #signedAt = 0;
  #headers;
  #bytes;

  constructor(value, keyId, key) {
    this.#body = Buffer.from(JSON.stringify(value));
    this.#keyId = keyId;
    this.#key = key;
  }

  /** Answers by Node's own server. */
  send(response) {
    this.#refresh();
    response.writeHead(200, this.#headers);
    response.end(this.#body);
  }

  /** The whole answer as it goes over the wire. */
  get bytes() {
    this.#refresh();
    return this.#bytes;
  }

  #refresh() {
    const now = Math.floor(Date.now() / 1000);
    if (now !== this.#signedAt) this.#sign(now);
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
    let head = `HTTP/1.1 200 OK\r\nDate: ${new Date(timestamp * 1000).toUTCString()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=8\r\n`;
    for (let at = 0; at < this.#headers.length; at += 2) {
      head += `${this.#headers[at]}: ${this.#headers[at + 1]}\r\n`;
    }
    this.#bytes = Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), this.#body]);
  }
}
