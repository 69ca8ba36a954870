import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { WechatPayOptions } from 'nestjs-wechatpay';
import { isSignedAsSent, readAuthorization } from '../support/authorization.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption } from '../support/raw-platform.js';

const BASE = 'https://api.mch.weixin.qq.com';
const BACKUP = 'https://api2.mch.weixin.qq.com';
const OWN = 'https://pay.example';
const OWN_BACKUP = 'https://pay2.example';

type Hosts = Pick<WechatPayOptions, 'baseUrl' | 'backupUrl'>;

/** A request that would have left. */
interface Attempt {
  readonly origin: string;
  readonly method: string;
  readonly target: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

/** A dispatcher that connects nowhere, and remembers what it was asked for. */
class NoNetwork {
  readonly attempts: Attempt[] = [];
  onAttempt: () => void = () => undefined;

  dispatch({ origin, path, method, headers, body }: Record<string, unknown>): boolean {
    const list = headers as string[] | Record<string, string>;
    const authorization = Array.isArray(list)
      ? list[list.indexOf('authorization') + 1]
      : list['authorization'];
    this.attempts.push({
      origin: String(origin),
      method: String(method),
      target: String(path),
      authorization,
      body: (body as Buffer | null) ?? Buffer.alloc(0),
    });
    this.onAttempt();
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  }
}

describe('the hosts of a call', () => {
  let network: NoNetwork;
  let context: TestContext;

  beforeEach(() => {
    network = new NoNetwork();
  });
  afterEach(() => context.end());

  const connect = (hosts: Hosts): void => {
    const { baseUrl: _, backupUrl: __, ...options } = testOptions({ baseUrl: OWN });
    context = merchantContext({
      ...options,
      http: { dispatcher: network },
      platform: { publicKey: publicKeyOption('platform') },
      ...hosts,
    });
  };
  const origins = (): string[] => network.attempts.splice(0).map(({ origin }) => origin);

  it.each<[string, Hosts, string[]]>([
    ['the platform’s, then its backup, unless told otherwise', {}, [BASE, BACKUP]],
    ['the platform’s alone without a backup', { backupUrl: false }, [BASE]],
    ['one’s own alone, for its backup is not known', { baseUrl: OWN }, [OWN]],
    ['one’s own, then its own backup', { baseUrl: OWN, backupUrl: OWN_BACKUP }, [OWN, OWN_BACKUP]],
    ['the platform’s, then a backup of one’s own', { backupUrl: OWN_BACKUP }, [BASE, OWN_BACKUP]],
  ])('are %s', async (_, hosts, expected) => {
    connect(hosts);
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    expect(origins()).toEqual(expected);
    await rejection(context.http.post('/v3/x', {}));
    expect(origins()).toEqual(expected);
    await rejection(context.certificates.refresh());
    expect(origins()).toEqual(expected);
    // a file is fetched from where it lies
    await rejection(context.http.stream('/v3/billdownload/file?token=abc'));
    expect(origins()).toEqual(expected.slice(0, 1));
  });

  it.each([
    ['a read', () => context.http.get('/v3/x?a=1')],
    ['a write', () => context.http.post('/v3/x', { name: '茶' })],
    ['the download of certificates', () => context.certificates.refresh()],
  ] as const)('each get a signature of their own: %s', async (_, call) => {
    connect({});
    network.onAttempt = () => context.clock.advance(1_000);
    const firstSecond = Math.floor(context.clock.now() / 1000);
    await rejection(call());
    expect(network.attempts.map(isSignedAsSent)).toEqual([true, true]);
    const [first, second] = network.attempts.map(({ authorization }) =>
      readAuthorization(authorization),
    );
    expect([first?.timestamp, second?.timestamp]).toEqual([
      String(firstSecond),
      String(firstSecond + 1),
    ]);
    expect(first?.nonce).not.toBe(second?.nonce);
    expect(first?.signature).not.toBe(second?.signature);
  });
});
