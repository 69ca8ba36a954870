/**
 * The text that a merchant signs: method, request target, timestamp, nonce and body, each ended by
 * LF, the last one too. `body` is the exact text sent, empty when there is none.
 *
 * @see Source: 微信支付 接口规则/签名生成
 */
export function requestMessage(
  method: string,
  target: string,
  timestamp: string,
  nonce: string,
  body: string,
): string {
  return `${method}\n${target}\n${timestamp}\n${nonce}\n${body}\n`;
}

/**
 * The bytes that the platform signs for an answer or a notification: timestamp, nonce and the raw
 * body, each ended by LF. With an empty body (204) the message ends in two LFs.
 *
 * @see Source: 微信支付 接口规则/签名验证
 */
export function platformMessage(timestamp: string, nonce: string, body: Buffer): Buffer {
  const head = `${timestamp}\n${nonce}\n`; // both are checked to be ASCII before
  const message = Buffer.allocUnsafe(head.length + body.length + 1);
  message.write(head, 0, 'latin1');
  body.copy(message, head.length);
  message[message.length - 1] = 0x0a;
  return message;
}
