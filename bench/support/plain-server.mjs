import { createServer } from 'node:net';

const IDLE_MS = 8_000;
const MOST_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding:/i;
const CLOSE = /\r\nconnection: *close/i;
const AUTHORIZATION = /\r\nauthorization: *([^\r]*)/i;

/**
 * As much of HTTP/1.1 as the contestants need: what the platform spends on the cores that it shares with them
 * is no cost of theirs. It takes requests with a `Content-Length`, one after the other on a connection, and
 * ends what is anything else.
 *
 * @param onRequest `({ method, url, authorization, body }) => Buffer`: the bytes of the whole answer
 */
export function plainServer(onRequest) {
  return createServer({ noDelay: true }, (socket) => {
    let pending = Buffer.alloc(0);
    socket.setTimeout(IDLE_MS, () => socket.end());
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (;;) {
        const headEnd = pending.indexOf(HEAD_END);
        if (headEnd < 0) break;
        const head = pending.toString('latin1', 0, headEnd);
        if (CHUNKED.test(head)) return socket.destroy();
        const bodyAt = headEnd + HEAD_END.length;
        const end = bodyAt + Number(LENGTH.exec(head)?.[1] ?? 0);
        if (end > MOST_BYTES) return socket.destroy();
        if (pending.length < end) break;
        const [method, url] = head.slice(0, head.indexOf('\r\n')).split(' ');
        const authorization = AUTHORIZATION.exec(head)?.[1] ?? '';
        const body = pending.subarray(bodyAt, end);
        pending = pending.subarray(end);
        socket.write(onRequest({ method, url, authorization, body }));
        if (CLOSE.test(head)) return socket.end();
      }
      if (pending.length > MOST_BYTES) socket.destroy();
    });
  });
}

/** An answer without a body, or with one of JSON. */
export function plainAnswer(status, value) {
  const body = value === undefined ? '' : JSON.stringify(value);
  return Buffer.from(
    `HTTP/1.1 ${status} Answer\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
