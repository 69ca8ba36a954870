import { NEVER } from 'rxjs';
import {
  KeyDecisions,
  OnDemandGate,
  SharedStore,
  type CertificateStore,
} from '../../lib/certificates/index.js';
import { KeyEvents, type KeyEvent } from '../../lib/events/index.js';
import { MerchantCredentialProvider, type CredentialSource } from '../../lib/merchant/index.js';
import {
  createMerchantContext,
  resolveOptions,
  type MerchantContext,
} from '../../lib/context/index.js';
import { createProcessBulkhead, Hosts, RetryBudget, Transport } from '../../lib/transport/index.js';
import type { WechatPayOptions } from '../../lib/wechat-pay.options.js';
import { makeCertificate, pem, rsaKey } from './x509.js';

/** A clock that a test moves by hand; it stands still otherwise. */
export class TestClock {
  ms: number;
  readonly now = (): number => this.ms;

  constructor(ms = Date.now()) {
    this.ms = ms;
  }

  advance(ms: number): void {
    this.ms += ms;
  }
}

export const TEST_MCHID = '1900009191';
export const TEST_API_V3_KEY = 'testOnly0123456789abcdefghijklmn';

/** Options of a merchant whose keys are made here; a test gives the base URL and the platform. */
export function testOptions(
  overrides: Partial<WechatPayOptions> & { readonly baseUrl: string },
): WechatPayOptions {
  const pair = rsaKey('merchant');
  return {
    mchid: TEST_MCHID,
    appid: 'wxtest0000000001',
    notifyUrl: 'https://shop.example/notify',
    credential: {
      privateKey: pem('PRIVATE KEY', pair.privateKey.export({ type: 'pkcs8', format: 'der' })),
      certificate: makeCertificate(pair, {
        serial: '0A1B2C3D4E5F',
        commonName: TEST_MCHID,
        notAfter: new Date(Date.now() + 3650 * 86_400_000),
      }),
      apiV3Key: TEST_API_V3_KEY,
    },
    backupUrl: false,
    ...overrides,
  };
}

/** The part of a store that tells other processes: here there are none. */
export const ALONE: Pick<CertificateStore, 'changes' | 'tryLease'> = {
  changes: () => NEVER,
  tryLease: () => Promise.resolve(true),
};

/** What a test may replace. */
export interface ContextSettings {
  readonly clock?: TestClock;
  readonly random?: () => number;
  readonly gate?: OnDemandGate;
}

/** One merchant, assembled as the module does it, without Nest. */
export interface TestContext extends MerchantContext {
  readonly clock: TestClock;
  readonly events: KeyEvent[];
  readonly transport: Transport;
  /** Ends everything, connections too. */
  end(): Promise<void>;
}

/** Assembles a merchant for a test. A call is one attempt, unless the test says `retries`. */
export function merchantContext(
  options: WechatPayOptions,
  { clock = new TestClock(), random = () => 0.5, gate }: ContextSettings = {},
): TestContext {
  const http = { retries: 0, ...options.http };
  const resolved = resolveOptions(
    { ...options, http },
    { nowMs: clock.now(), isProduction: false },
  );
  const transport = new Transport(resolved.transport);
  const context = createMerchantContext('test', resolved, {
    transport,
    resilience: { hosts: new Hosts(random), budget: new RetryBudget(), random },
    bulkhead: createProcessBulkhead(),
    gate: gate ?? new OnDemandGate(clock.now),
    decisions: new KeyDecisions(),
    storeFor: (store) => new SharedStore(store, random),
    clock: clock.now,
    random,
  });
  const events: KeyEvent[] = [];
  context.certificates.keyEvents$.subscribe((event) => events.push(event));
  return {
    ...context,
    clock,
    events,
    transport,
    end: async () => {
      context.close();
      await transport.close();
    },
  };
}

/** A provider on its own, as a context makes it. */
export function credentialProvider(
  mchid: string,
  source: CredentialSource,
  events = new KeyEvents(mchid, Date.now),
): MerchantCredentialProvider {
  return new MerchantCredentialProvider({
    mchid,
    source,
    events,
    previousKeyMs: 86_400_000,
    clock: Date.now,
    random: () => 0.5,
    refuse: () => [],
  });
}

/** What a promise was rejected with; fails when it was not. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & Record<string, unknown>> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error(`nothing was thrown, but given back: ${JSON.stringify(value)}`);
}
