import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ShopProcess } from './shop-process.js';
import type { Tally } from './tally.js';

interface Answer {
  readonly shop: string;
  readonly status: number;
  readonly body: Buffer;
}

const host = '127.0.0.1';
const timeoutMs = 15_000;

/** Stands before the fleet, as nginx does before yours: one address, any shop. */
export class Balancer {
  private turn = 0;

  private constructor(
    private readonly server: Server,
    private readonly shops: readonly ShopProcess[],
    private readonly tally: Tally,
  ) {}

  static async start(shops: readonly ShopProcess[], tally: Tally): Promise<Balancer> {
    const server = createServer();
    const balancer = new Balancer(server, shops, tally);
    server.on('request', (incoming, outgoing) => {
      void balancer.serve(incoming).then(
        ({ shop, status, body }) => {
          outgoing.writeHead(status, { 'content-type': 'application/json', 'x-shop': shop });
          outgoing.end(body);
        },
        () => outgoing.destroy(),
      );
    });
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(0, host, done);
    });
    return balancer;
  }

  get url(): string {
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async serve(incoming: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const answer = await this.tryAll(incoming, Buffer.concat(chunks));
    if (incoming.url === '/wechatpay/notify' && answer.status >= 300) {
      this.tally.refused(`${answer.shop} refused a notification: ${answer.status} ${answer.body}`);
    }
    return answer;
  }

  /** The next shop; the one after it when that has just died. */
  private async tryAll(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const { length } = this.shops;
    this.turn += 1;
    for (let step = 0; step < length; step += 1) {
      const shop = this.shops[(this.turn + step) % length];
      const port = shop?.port;
      if (!shop || port === undefined) continue;
      try {
        return await forward(shop.name, port, incoming, body);
      } catch {
        this.tally.moved += 1;
      }
    }
    return { shop: 'nobody', status: 503, body: Buffer.from('{"code":"NO_SHOP"}') };
  }
}

function forward(
  shop: string,
  port: number,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
): Promise<Answer> {
  return new Promise((done, fail) => {
    const outgoing = request(
      {
        host,
        port,
        method,
        path: url,
        agent: false,
        timeout: timeoutMs,
        headers: { ...headers, host: `${host}:${port}`, connection: 'close' },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', fail);
        answer.once('aborted', () => fail(new Error('aborted')));
        answer.once('end', () => {
          done({ shop, status: answer.statusCode ?? 502, body: Buffer.concat(chunks) });
        });
      },
    );
    outgoing.once('error', fail);
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    outgoing.end(body);
  });
}
