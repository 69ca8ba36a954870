import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Subject } from 'rxjs';
import { presentIdentity } from '../../lib/context/index.js';
import type { ClientIdentity } from '../../lib/transport/index.js';
import { merchantContext, testOptions, type TestContext } from '../support/merchant-context.js';
import { publicKeyOption } from '../support/raw-platform.js';
import { tlsIdentity, TlsPlatform } from '../support/tls-platform.js';
import { makeCertificate, rsaKey } from '../support/x509.js';

const root = makeCertificate(rsaKey('root'), { commonName: 'Test root' });
const server = tlsIdentity('server', {
  issuer: rsaKey('root').privateKey,
  issuerName: 'Test root',
});

/** A merchant certificate whose serial number tells it apart. */
function identity(name: string, serial: string): ClientIdentity {
  const pair = rsaKey(name);
  return { key: pair.privateKey, cert: makeCertificate(pair, { serial, commonName: name }) };
}

const A = identity('shop-a', '0A01');
const B = identity('shop-b', '0A02');
const C = identity('shop-c', '0A03');

describe('the certificate of a merchant', () => {
  let platform: TlsPlatform;
  let contexts: TestContext[];

  beforeEach(async () => {
    contexts = [];
    platform = await TlsPlatform.start({
      ...server,
      requestCert: true,
      rejectUnauthorized: false,
    });
  });
  afterEach(async () => {
    for (const { answer } of platform.requests) answer();
    await Promise.all(contexts.map((context) => context.end()));
    await platform.close();
  });

  /** A merchant and how to put a credential in force. */
  const merchant = (
    baseUrl = platform.url,
    clientCertificate = false, // what comes below is the transport's own part
  ): TestContext & { rotate(next: ClientIdentity | { key?: never; cert?: never }): void } => {
    const context = merchantContext(
      testOptions({
        baseUrl,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: {
          tls: { ca: root, clientCertificate },
          maxConcurrency: 300,
          timeoutMs: 60_000,
        },
      }),
    );
    contexts.push(context);
    const credential$ = new Subject<{ privateKey?: ClientIdentity['key']; certificate?: string }>();
    presentIdentity(credential$, context.transport);
    return {
      ...context,
      rotate: ({ key, cert }) =>
        credential$.next({ ...(key && { privateKey: key }), ...(cert && { certificate: cert }) }),
    };
  };

  const serials = (target?: string): (string | undefined)[] =>
    platform.requests
      .filter((request) => target === undefined || request.target === target)
      .map(({ serial }) => serial);

  const many = (
    { http }: TestContext,
    target: string,
    count: number,
  ): Promise<{ status: number }>[] =>
    Array.from({ length: count }, (_, index) =>
      index % 2 === 0 ? http.get(target) : http.post(target, { index }),
    );

  /** Calls that the platform has and does not answer; a few at a time, for slow machines' sake. */
  const inFlight = async (
    context: TestContext,
    target: string,
    count: number,
  ): Promise<Promise<{ status: number }>[]> => {
    const calls: Promise<{ status: number }>[] = [];
    while (calls.length < count) {
      const before = platform.requests.length;
      calls.push(...many(context, target, 20));
      await platform.arrived(before + 20);
    }
    return calls;
  };

  it('is shown to a host that asks for it', async () => {
    const { http, rotate } = merchant();
    rotate(A);
    await http.get('/v3/x');
    expect(serials()).toEqual(['0A01']);
  });

  it('is that of the credential in force, also after it was replaced', async () => {
    const { http, credentials } = merchant(platform.url, true);
    await http.get('/v3/x');
    const { credential } = credentials;
    const pair = rsaKey('rotated');
    await credentials.replace({
      privateKey: pair.privateKey,
      certificate: makeCertificate(pair, { serial: '0A99', commonName: credential?.mchid ?? '' }),
      apiV3Keys: ['testOnly0123456789abcdefghijklmn'],
    });
    await http.get('/v3/x');
    expect(serials()).toEqual(['0A1B2C3D4E5F', '0A99']);
  });

  it('is not shown unless it is switched on', async () => {
    await merchant().http.get('/v3/x');
    expect(serials()).toEqual([undefined]);
  });

  it('is not shown to a host that does not ask', async () => {
    const incurious = await TlsPlatform.start(server);
    const { http, rotate } = merchant(incurious.url);
    rotate(A);
    await http.get('/v3/x');
    expect(incurious.requests.map(({ serial }) => serial)).toEqual([undefined]);
    await incurious.close();
  });

  it('is each its own with two merchants', async () => {
    const [a, b] = [merchant(), merchant()];
    a.rotate(A);
    b.rotate(B);
    await Promise.all([...many(a, '/v3/a', 10), ...many(b, '/v3/b', 10)]);
    expect(new Set(serials('/v3/a'))).toEqual(new Set(['0A01']));
    expect(new Set(serials('/v3/b'))).toEqual(new Set(['0A02']));
  });

  it('stays when it comes again, and so do its connections', async () => {
    const { http, rotate } = merchant();
    for (let time = 0; time < 3; time += 1) {
      rotate({ ...A });
      await http.get('/v3/x');
    }
    expect(new Set(platform.requests.map(({ port }) => port)).size).toBe(1);
  });

  it('stays when a credential without one comes', async () => {
    const { http, rotate } = merchant();
    rotate(A);
    rotate({});
    await http.get('/v3/x');
    expect(serials()).toEqual(['0A01']);
  });

  it('stays, with its connections, when the next one does not fit its key', async () => {
    const { http, rotate, transport } = merchant();
    rotate(A);
    await http.get('/v3/x');
    expect(() => transport.useIdentity({ key: B.key, cert: C.cert })).toThrow(/mismatch/);
    await http.get('/v3/x');
    expect(serials()).toEqual(['0A01', '0A01']);
    expect(new Set(platform.requests.map(({ port }) => port)).size).toBe(1);
  });

  it('can be taken back', async () => {
    const { http, rotate, transport } = merchant();
    rotate(A);
    await http.get('/v3/x');
    transport.useIdentity(undefined);
    await http.get('/v3/x');
    expect(serials()).toEqual(['0A01', undefined]);
  });

  it('changes for new calls at once, while a slow one finishes on its connection', async () => {
    const { http, rotate } = merchant();
    platform.holds = (target) => target === '/v3/slow';
    rotate(A);
    const slow = http.post('/v3/slow', {});
    await platform.arrived(1);
    rotate(B);
    await http.get('/v3/x');
    await http.get('/v3/x');
    expect(serials()).toEqual(['0A01', '0A02', '0A02']);
    platform.requests[0]?.answer();
    await expect(slow).resolves.toMatchObject({ data: { ok: true } });
    const [old, ...later] = platform.requests.map(({ port }) => port);
    expect(later).not.toContain(old);
    await platform.closedDownTo(1); // what is left is not the old one
    await http.get('/v3/x');
    expect(platform.requests.at(-1)?.port).toBe(later[0]);
  });

  it('changes twice under 200 calls in flight: none fails, none shows the wrong one', async () => {
    const context = merchant();
    platform.holds = () => true;
    context.rotate(A);
    const first = await inFlight(context, '/v3/a', 200);
    context.rotate(B);
    const second = await inFlight(context, '/v3/b', 20);
    context.rotate(C);
    const third = await inFlight(context, '/v3/c', 20);
    for (const { answer } of platform.requests) answer();
    const answers = await Promise.all([...first, ...second, ...third]);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(new Set(serials('/v3/a'))).toEqual(new Set(['0A01']));
    expect(new Set(serials('/v3/b'))).toEqual(new Set(['0A02']));
    expect(new Set(serials('/v3/c'))).toEqual(new Set(['0A03']));
    await platform.closedDownTo(20); // the connections of two generations are gone
  }, 60_000);

  it('changes while calls come and go: none fails, and none goes back to the one before', async () => {
    const context = merchant();
    let left = 600;
    const caller = async (): Promise<void> => {
      for (; left > 0;) {
        left -= 1;
        if (left === 400) context.rotate(B);
        if (left === 200) context.rotate(C);
        await context.http.get('/v3/x');
      }
    };
    context.rotate(A);
    await Promise.all(Array.from({ length: 20 }, caller));
    expect(platform.requests).toHaveLength(600);
    expect(new Set(serials())).toEqual(new Set(['0A01', '0A02', '0A03']));
    expect(new Set(serials().slice(-100))).toEqual(new Set(['0A03']));
  }, 60_000);

  it('leaves no connection behind when the application closes after changes', async () => {
    const context = merchant();
    for (const next of [A, B, C]) {
      context.rotate(next);
      await Promise.all(many(context, '/v3/x', 5));
    }
    await context.end();
    context.rotate(A);
    await platform.closedDownTo(0);
    expect(platform.openSockets).toBe(0);
  });
});
