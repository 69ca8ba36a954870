import {
  CertificateProvider,
  type CertificateStore,
  type KeyDecisions,
  type OnDemandGate,
  type RenewalOptions,
  type SharedStore,
} from '../certificates/index.js';
import { WechatPayClient } from '../client/index.js';
import { KeyEvents } from '../events/index.js';
import { WechatPayHttpService } from '../http/index.js';
import { MerchantCredentialProvider } from '../merchant/index.js';
import {
  NotificationTally,
  type NotificationInbox,
  type NotificationQueue,
} from '../notification/index.js';
import {
  Admission,
  type Bulkhead,
  type ResilienceParts,
  type Transport,
} from '../transport/index.js';
import { presentIdentity } from './client-identity.js';
import { within } from './patience.js';
import type { ResolvedOptions } from './resolved-options.js';

/**
 * One merchant's parts, assembled. Nothing in it is shared with another merchant but the transport.
 *
 * @publicApi
 */
export interface MerchantContext {
  /** The name it was registered with. */
  readonly name: string;
  readonly mchid: string;
  readonly credentials: MerchantCredentialProvider;
  readonly certificates: CertificateProvider;
  readonly http: WechatPayHttpService;
  readonly client: WechatPayClient;
  readonly renewal: RenewalOptions;
  /** Where its events are remembered; `undefined` for the memory that all merchants share. */
  readonly inbox: NotificationInbox | undefined;
  /** Where its notifications wait for their handlers; `undefined` when handlers run at once. */
  readonly queue: NotificationQueue | undefined;
  /** What came in on its notification routes: its `counts`. */
  readonly notifications: NotificationTally;
  /** What happens to its keys, as it happens. */
  readonly keyEvents: KeyEvents;
  /**
   * Asks the store for a lease that all processes share: yes, no, or nobody knows. Never rejects.
   *
   * @internal
   */
  tryLease(key: string, ttlMs: number): Promise<boolean | undefined>;
  /**
   * Whether calls run or wait, or keys are being loaded.
   *
   * @internal
   */
  readonly isBusy: boolean;
  /**
   * Refuses new calls and waits for those that run, for the grace time of the options.
   *
   * @internal
   */
  drain(): Promise<void>;
  /**
   * As {@link drain}, and waits for keys that are being loaded, too. Never rejects.
   *
   * @internal
   */
  finish(): Promise<void>;
  /** Ends what runs for this merchant. Closing twice is harmless. */
  close(): void;
}

/** What all merchants of a process share. */
export interface SharedParts {
  readonly transport: Transport;
  /** A host that is down is down for all of them. */
  readonly resilience: ResilienceParts;
  readonly bulkhead: Bulkhead;
  readonly gate: OnDemandGate;
  /** What was decided about keys of a merchant holds also when it was unloaded meanwhile. */
  readonly decisions: KeyDecisions;
  /** One store is watched once, however many merchants use it. */
  readonly storeFor: (store: CertificateStore) => SharedStore;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** Assembles a merchant from checked options. */
export function createMerchantContext(
  name: string,
  options: ResolvedOptions,
  shared: SharedParts,
): MerchantContext {
  const { mchid, closeGraceMs } = options;
  const admission = new Admission(options.bulkhead, shared.bulkhead);
  const { transport, resilience, gate, decisions, storeFor, clock, random } = shared;
  const events = new KeyEvents(mchid, clock);
  const credentials = new MerchantCredentialProvider({
    mchid,
    source: options.credential,
    events,
    previousKeyMs: options.previousKeyMs,
    clock,
    random,
    refuse: options.refuseCredential,
  });
  const http: WechatPayHttpService = new WechatPayHttpService({
    merchant: name,
    mchid,
    credentials,
    certificates: () => certificates,
    transport,
    resilience,
    admission,
    origins: options.origins,
    settings: options.call,
    clock,
  });
  const { publicKeys, usesCertificates, publicKeyShare, graceMs, store } = options;
  const sharedStore = store && storeFor(store);
  const certificates = new CertificateProvider({
    mchid,
    publicKeys,
    usesCertificates,
    publicKeyShare,
    graceMs,
    store: sharedStore,
    credentials,
    events,
    fetch: http.fetchUnverified,
    gate,
    decisions,
    clock,
    random,
  });
  const loading = (): Promise<unknown> | undefined => certificates.loading ?? credentials.loading;
  const drain = (): Promise<void> => admission.close(closeGraceMs);
  const identity = options.presentsCertificate
    ? presentIdentity(credentials.credential$, transport)
    : undefined;
  const { appids, notifyUrl } = options;
  const client = new WechatPayClient({ mchid, appids, notifyUrl, http, credentials, clock });
  return {
    name,
    mchid,
    credentials,
    certificates,
    http,
    client,
    renewal: options.renewal,
    inbox: options.inbox,
    queue: options.queue,
    notifications: new NotificationTally(),
    keyEvents: events,
    tryLease: async (key, ttlMs) => sharedStore?.tryLease(key, ttlMs).catch(() => undefined),
    get isBusy() {
      const { running, waiting } = admission.own;
      return running > 0 || waiting > 0 || loading() !== undefined;
    },
    drain,
    finish: async () => {
      await Promise.all([drain(), within(settled(loading), closeGraceMs)]);
    },
    close: () => {
      identity?.unsubscribe();
      certificates.close();
      credentials.close();
      events.close();
    },
  };
}

/** Resolves when nothing more is being loaded. */
async function settled(loading: () => Promise<unknown> | undefined): Promise<void> {
  for (let next = loading(); next; next = loading()) await next.catch(() => undefined);
}
