import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OnDemandGate } from '../../lib/certificates/index.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateSigner } from '../support/raw-platform.js';

/** What is left on the heap when everything that nobody holds is gone, in bytes. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

const signer = certificateSigner('signer', { serial: '0E3A0001' });
const nobody = { ...signer, id: '0E3A0BAD' };

describe('strangers who name keys that nobody knows', () => {
  let platform: CertificatePlatform;
  let contexts: TestContext[];

  beforeEach(async () => {
    contexts = [];
    platform = await CertificatePlatform.start(signer);
    platform.listSigner = signer;
  });
  afterEach(async () => {
    await platform.close();
    await Promise.all(contexts.map((each) => each.end()));
  });
  const connect = (gate?: OnDemandGate): TestContext => {
    const made = merchantContext(testOptions({ baseUrl: platform.url }), {
      clock: platform.clock,
      ...(gate && { gate }),
    });
    contexts.push(made);
    return made;
  };

  it('cost one download a minute, however many they name', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    for (let minute = 0; minute < 3; minute += 1) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => context.certificates.find(`ABC${minute}${index}`)),
      );
      for (let index = 0; index < 50; index += 1) await context.certificates.find(`DEF${index}`);
      platform.clock.advance(59_999);
      await context.certificates.find('FFFF');
      expect(platform.downloads).toBe(2 + minute);
      platform.clock.advance(1);
    }
  });

  it('cost nothing when they name public keys, or nothing that could be a serial', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    for (let index = 0; index < 20; index += 1) {
      await expect(context.certificates.find(`PUB_KEY_ID_${index}`)).resolves.toBeUndefined();
    }
    expect(platform.downloads).toBe(1);
  });

  it('leave no trace in memory, however many they name', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    const { keyRing } = context.certificates;
    const bytes = 50_000;
    const name = (index: number, prefix: string): Promise<unknown> =>
      // a text of its own each time, which shares no memory with another
      context.certificates.find(prefix + Buffer.alloc(bytes, `${index}A`).toString('latin1'));
    const nameMany = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        await name(index, '');
        await name(index, 'PUB_KEY_ID_');
      }
    };
    await nameMany(10);
    const before = usedHeap();
    await nameMany(1_000);
    expect(context.certificates.keyRing.keys).toEqual(keyRing.keys);
    expect(usedHeap() - before).toBeLessThan((1_000 * bytes) / 4);
  });

  it('cost one download a minute through answers as well', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    platform.signer = nobody;
    for (let count = 0; count < 10; count += 1) {
      await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
        code: 'SIGNATURE_KEY_UNKNOWN',
        serial: nobody.id,
      });
    }
    expect(platform.downloads).toBe(2);
  });

  it('do not keep a download from those who ask for one', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    await context.certificates.find('ABCD');
    await context.certificates.refresh();
    await context.certificates.refresh();
    expect(platform.downloads).toBe(4);
  });

  it('get nothing thrown when the download fails', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    platform.download = () => ({ status: 500 });
    await expect(context.certificates.find('ABCD')).resolves.toBeUndefined();
    expect(context.events.at(-1)).toMatchObject({ type: 'refresh-failed' });
  });

  it('cost sixty downloads a minute for all merchants of a process together', async () => {
    const gate = new OnDemandGate(platform.clock.now);
    const merchants = Array.from({ length: 65 }, () => connect(gate));
    await merchants[0]?.certificates.find('ABCD');
    expect(platform.downloads).toBe(1);
    await Promise.all(merchants.map(({ certificates }) => certificates.find('ABCD')));
    expect(platform.downloads).toBe(60);
    platform.clock.advance(60_000);
    await merchants[64]?.certificates.find('ABCD');
    expect(platform.downloads).toBe(61);
  });
});
