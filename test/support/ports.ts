import { createServer, type AddressInfo } from 'node:net';

/** Two ports of 127.0.0.1 that nobody used a moment ago, for what must know its port beforehand. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const bind = (server: (typeof servers)[number]) =>
    new Promise<number>((done, fail) => {
      server.once('error', fail);
      server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port));
    });
  const ports: [number, number] = [await bind(servers[0]), await bind(servers[1])];
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
