import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import {
  WechatPayTransportError,
  type CredentialMaterial,
  type WechatPayMerchants,
  type WechatPayMerchantsOptions,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { A, B, crowdOptions, startCrowd } from '../support/crowd.js';
import { fakeTimeouts } from '../support/fake-timeouts.js';
import { rejection } from '../support/merchant-context.js';

const optionsOf = (mchid: string): WechatPayOptions =>
  crowdOptions(mchid, { baseUrl: 'http://127.0.0.1:9' });

describe('looking for a merchant', () => {
  const resolve = jest.fn<NonNullable<WechatPayMerchantsOptions['resolve']>>();
  let app: TestingModule;
  let merchants: WechatPayMerchants;

  beforeEach(async () => {
    resolve.mockReset().mockImplementation(optionsOf);
    ({ app, merchants } = await startCrowd({ resolve }));
    fakeTimeouts();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await app.close();
  });

  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((next) => setImmediate(next));
  };
  const forEver = (): Promise<never> => new Promise(() => undefined);

  it('ends after five seconds, and begins anew then', async () => {
    resolve.mockImplementationOnce(forEver);
    let isOver = false;
    const outcome = rejection(merchants.get(A)).finally(() => (isOver = true));
    jest.advanceTimersByTime(4_999);
    await turns();
    expect(isOver).toBe(false);
    jest.advanceTimersByTime(1);
    const error = await outcome;
    expect(error).toBeInstanceOf(WechatPayTransportError);
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      isRetryable: true,
      message: expect.stringContaining('resolve'),
    });
    expect(error.message).not.toContain(A); // whom strangers name is not repeated
    await expect(merchants.get(A)).resolves.toMatchObject({ mchid: A });
  });

  it('opens nobody when its result is late', async () => {
    let found: ((options: WechatPayOptions) => void) | undefined;
    resolve.mockImplementationOnce(() => new Promise((done) => (found = done)));
    const outcome = rejection(merchants.get(A));
    jest.advanceTimersByTime(5_000);
    await outcome;
    found?.(optionsOf(A));
    await turns();
    expect(merchants.names).toEqual([]);
  });

  it('is done for 256 at the same time, others learn at once that it is too many', async () => {
    resolve.mockImplementation(forEver);
    const outcomes = Array.from({ length: 256 }, (_, index) =>
      rejection(merchants.get(String(1_800_000_000 + index))),
    );
    await turns();
    await expect(rejection(merchants.get(A))).resolves.toMatchObject({
      name: 'WechatPayTransportError',
      code: 'OVERLOADED',
      isRetryable: true,
      retryAfterMs: 1_000,
    });
    expect(resolve).toHaveBeenCalledTimes(256);
    jest.advanceTimersByTime(5_000);
    const codes = (await Promise.all(outcomes)).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['TIMEOUT']));
    resolve.mockImplementation(optionsOf);
    await expect(merchants.get(A)).resolves.toMatchObject({ mchid: A });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('the database is down'))],
    [
      'throws',
      () => {
        throw new Error('the database is down');
      },
    ],
  ])('fails with its error when it %s, and a later one succeeds', async (_, fails) => {
    resolve.mockImplementationOnce(fails);
    await expect(rejection(merchants.get(A))).resolves.toMatchObject({
      message: 'the database is down',
    });
    await expect(merchants.get(A)).resolves.toMatchObject({ mchid: A });
  });

  it('leaves no timer behind', async () => {
    await merchants.get(A);
    await merchants.get(B);
    expect(jest.getTimerCount()).toBe(1); // of the renewals, one for all merchants
  });
});

describe('a merchant that is to be loaded with its keys, and has none', () => {
  let app: TestingModule;
  let merchants: WechatPayMerchants;
  const load = jest.fn<() => Promise<CredentialMaterial>>();
  const options = (mchid: string): WechatPayOptions => ({
    ...optionsOf(mchid),
    credential: { load },
    preload: true,
  });

  beforeEach(async () => {
    load.mockReset().mockRejectedValue(new Error('no such secret'));
    ({ app, merchants } = await startCrowd({ resolve: options, maxLoaded: 1 }));
  });
  afterEach(() => app.close());

  it('is not there after it could not be added, and can be added again', async () => {
    for (const _ of [1, 2]) {
      await expect(rejection(merchants.add(options(A)))).resolves.toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
      });
      expect(merchants.names).toEqual([]);
    }
  });

  it('is not there after it could not be resolved, and is looked for again', async () => {
    for (const times of [1, 2]) {
      await expect(rejection(merchants.get(A))).resolves.toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
      });
      expect(merchants.find(A)).toBeUndefined();
      expect(load).toHaveBeenCalledTimes(times);
    }
  });
});
