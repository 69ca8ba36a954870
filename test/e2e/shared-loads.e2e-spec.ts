import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { WechatPayCredentialOptions } from 'nestjs-wechatpay';
import { CertificatePlatform } from '../support/certificate-platform.js';
import {
  merchantContext,
  rejection,
  TEST_API_V3_KEY,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateSigner } from '../support/raw-platform.js';

const signer = certificateSigner('old', { serial: '0E3A0001' });

/** Something that a test lets go on. */
class Barrier {
  arrivals = 0;
  readonly arrived: Promise<void>;
  readonly opened: Promise<void>;
  open: () => void = () => undefined;
  #tell: () => void = () => undefined;

  constructor() {
    this.arrived = new Promise((resolve) => (this.#tell = resolve));
    this.opened = new Promise((resolve) => (this.open = resolve));
  }

  async pass(): Promise<void> {
    this.arrivals += 1;
    this.#tell();
    await this.opened;
  }
}

describe('what several calls wait for', () => {
  let platform: CertificatePlatform;
  let barrier: Barrier;
  let context: TestContext;

  beforeEach(async () => {
    barrier = new Barrier();
    platform = await CertificatePlatform.start(signer);
  });
  afterEach(async () => {
    await context.end();
    await platform.close();
  });

  /** Three calls, of which the second is given up while they wait. */
  const callThree = async (): Promise<unknown[]> => {
    const leaving = new AbortController();
    const calls = [undefined, leaving.signal, undefined].map((signal) =>
      context.http.get('/v3/x', { ...(signal && { signal }) }),
    );
    await barrier.arrived;
    const left = rejection(calls[1] as Promise<unknown>);
    leaving.abort();
    await expect(left).resolves.toMatchObject({ code: 'ABORTED' }); // at once, not with the others
    barrier.open();
    return Promise.all([calls[0], calls[2]]);
  };

  it('is one load of the credential: who gives up ends nothing for the others', async () => {
    const { credential } = testOptions({ baseUrl: platform.url });
    const { privateKey, certificate } = credential as WechatPayCredentialOptions;
    const load = async (signal: AbortSignal) => {
      await barrier.pass();
      signal.throwIfAborted();
      return { privateKey, certificate, apiV3Keys: [TEST_API_V3_KEY] };
    };
    context = merchantContext(testOptions({ baseUrl: platform.url, credential: { load } }), {
      clock: platform.clock,
    });
    await expect(callThree()).resolves.toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(barrier.arrivals).toBe(1);
    expect(context.events.map(({ type }) => type)).toEqual(['loaded', 'renewed']);
  });

  it('is one download of the certificates: who gives up ends nothing for the others', async () => {
    context = merchantContext(testOptions({ baseUrl: platform.url }), { clock: platform.clock });
    platform.download = async (reply) => {
      await barrier.pass();
      return reply;
    };
    await expect(callThree()).resolves.toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(platform.downloads).toBe(1);
    expect(context.events.map(({ type }) => type)).toEqual(['renewed']);
  });
});
