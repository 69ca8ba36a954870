import { inspect } from 'node:util';
import { NEVER, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type {
  CertificateStore,
  CredentialMaterial,
  CredentialSource,
  SignedAnswer,
} from 'nestjs-wechatpay';
import {
  merchantContext,
  TEST_API_V3_KEY,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { Secrets } from '../support/secrets.js';

const VAULT_TOKEN = 'hvs.CAESIJvaultTokenOfTheShop';
const REDIS_PASSWORD = 'redisPasswordOfTheShop';

/** A source with what it needs to reach a vault, as applications write them. */
class VaultSource implements CredentialSource {
  readonly token = VAULT_TOKEN;
  loaded: CredentialMaterial | undefined;

  load(): Promise<CredentialMaterial> {
    const { credential } = testOptions({ baseUrl: 'http://127.0.0.1:9' });
    const { apiV3Key, ...keys } = credential as { apiV3Key: string } & CredentialMaterial;
    this.loaded = { ...keys, apiV3Keys: [apiV3Key] };
    return Promise.resolve(this.loaded);
  }
}

/** The same for a store. */
class RedisStore implements CertificateStore {
  readonly url = `redis://:${REDIS_PASSWORD}@127.0.0.1`;

  read(): Promise<SignedAnswer | undefined> {
    return Promise.resolve(undefined);
  }

  writeIfNewer(): Promise<boolean> {
    return Promise.resolve(true);
  }

  changes(): Observable<string> {
    return NEVER;
  }

  tryLease(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

describe('a client that an application logs', () => {
  let context: TestContext;
  const source = new VaultSource();

  beforeAll(async () => {
    context = merchantContext(
      testOptions({
        baseUrl: 'http://127.0.0.1:9',
        credential: source,
        store: new RedisStore(),
      }),
    );
    await context.credentials.get();
  });
  afterAll(() => context.end());

  const { privateKey } = testOptions({ baseUrl: 'http://127.0.0.1:9' }).credential as {
    privateKey: string;
  };
  const secrets = new Secrets([VAULT_TOKEN, REDIS_PASSWORD, TEST_API_V3_KEY, privateKey]);

  it.each<[string, () => unknown]>([
    ['client', () => context.client],
    ['client.payments', () => context.client.payments],
    ['client.payments.native', () => context.client.payments.native],
    ['client.payments.jsapi', () => context.client.payments.jsapi],
    ['client.payments.app', () => context.client.payments.app],
    ['client.payments.h5', () => context.client.payments.h5],
    ['client.refunds', () => context.client.refunds],
    ['client.http', () => context.client.http],
    ["client.partner('1900000009')", () => context.client.partner('1900000009')],
    ['the certificate provider', () => context.certificates],
    ['the credential provider', () => context.credentials],
  ])('shows nothing of its source or store: %s', (name, partOf) => {
    const part = partOf();
    expect(source.loaded).toBeDefined();
    for (const text of [
      inspect(part, { depth: 10 }),
      inspect(part, { depth: 10, showHidden: true }),
      JSON.stringify(part),
      JSON.stringify(Object.getOwnPropertyDescriptors(part)),
    ]) {
      secrets.expectNoneIn(text, name);
      expect(text).not.toMatch(/VaultSource|RedisStore/);
      // not even what leads there
      expect(text).not.toMatch(/\b(?:credentials|appids|origins|clock)\b/);
    }
  });
});
