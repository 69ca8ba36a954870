/**
 * A platform that can be made to fail: slow, unreachable, a black hole, or with broken TLS. It answers
 * with bodies made beforehand, and counts how often each number of a write arrived.
 */
import { createPrivateKey } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { answer } from '../../support/rpc.mjs';
import { SignedReply } from '../../support/signed-reply.mjs';

const sockets = new Set();
/** Connections that came about while nobody answered: they are served once somebody does. */
let held = [];
/** What it does with whoever comes: `up`, `slow`, `hole`, `broken`. */
let mode = 'up';
let slow = { share: 0, delayMs: 0 };
let inner;
let front;
let port = 0;
let replies;
let requests = 0;
/** Arrivals of each write's number. */
let arrivals = new Map();

function serve(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    requests++;
    note(request, chunks);
    if (mode === 'hole') return;
    const send = () => !response.destroyed && replyTo(request).send(response);
    if (mode === 'slow' && Math.random() < slow.share) setTimeout(send, slow.delayMs);
    else send();
  });
}

function note({ method }, chunks) {
  if (method !== 'POST') return;
  const { out_refund_no: refund, out_trade_no: order } = JSON.parse(Buffer.concat(chunks));
  const number = refund ?? order;
  arrivals.set(number, (arrivals.get(number) ?? 0) + 1);
}

function replyTo({ method, url }) {
  if (method === 'GET') return replies.query;
  return url.startsWith('/v3/refund') ? replies.refund : replies.prepay;
}

/** The door of every connection; what is behind it never learns of those that are turned away. */
function connect(socket) {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  if (mode === 'hole') held.push(socket);
  else if (mode === 'broken') socket.end('this is no TLS\r\n');
  else inner.emit('connection', socket);
}

const listen = () =>
  new Promise((resolve, reject) => {
    front = createTcpServer(connect);
    front.once('error', reject).listen(port, '127.0.0.1', () => {
      ({ port } = front.address());
      resolve();
    });
  });

answer({
  async start({ parties: { platform }, tls }) {
    const key = createPrivateKey(platform.privateKey);
    const reply = (value) => new SignedReply(value, platform.id, key);
    replies = {
      prepay: reply({ code_url: 'weixin://wxpay/bizpayurl?pr=bench0000001' }),
      query: reply({ trade_state: 'NOTPAY' }),
      refund: reply({ status: 'PROCESSING' }),
    };
    const options = { keepAliveTimeout: 8_000 };
    inner = tls
      ? createHttpsServer({ ...options, ...tls }, serve)
      : createHttpServer(options, serve);
    await listen();
    return { port };
  },
  async set({ mode: next, ...settings }) {
    const was = mode;
    mode = next;
    slow = { ...slow, ...settings };
    if (next === 'down') {
      await new Promise((resolve) => {
        front.close(resolve);
        for (const socket of sockets) socket.destroy();
      });
    } else if (was === 'down') await listen();
    if (next === 'up') {
      for (const socket of held) if (!socket.destroyed) inner.emit('connection', socket);
      held = [];
    }
    if (next === 'broken') for (const socket of sockets) socket.destroy();
  },
  takeStats() {
    const most = Math.max(0, ...arrivals.values());
    const stats = { requests, most };
    requests = 0;
    arrivals = new Map();
    return stats;
  },
});
