import { Global, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HealthIndicatorService } from '@nestjs/terminus';
import {
  KeyDecisions,
  OnDemandGate,
  SharedStore,
  type CertificateStore,
} from './certificates/index.js';
import {
  createMerchantContext,
  LATE,
  MCHID,
  MerchantRegistry,
  resolveOptions,
  SharedTransports,
  tooLate,
  WechatPayMerchants,
  within,
  type MerchantContext,
  type ResolvedOptions,
} from './context/index.js';
import { HEALTH_CONTEXTS, WechatPayHealthIndicator } from './health/index.js';
import { logKeyEvents } from './key-event.logger.js';
import {
  MemoryNotificationInbox,
  NOTIFICATION_RECEIVERS,
  WechatPayNotifications,
  WechatPayNotifyGuard,
  type DispatchSettings,
  type NotificationQueue,
  type NotificationReceivers,
} from './notification/index.js';
import { PaymentReconciler, TradeBillReconciler } from './reconcile/index.js';
import { RenewalScheduler } from './renewal.scheduler.js';
import { breakerChannel, OBSERVED_MERCHANTS } from './diagnostics/index.js';
import { createProcessBulkhead, Hosts, RetryBudget } from './transport/index.js';
import type { WechatPayOptions } from './wechat-pay.options.js';

/** Merchants that notifications make us look for, known to us or not. */
const LOADS_PER_MINUTE = 600;
/** How long a notification waits for its merchant: the platform gives up after five seconds. */
const RECEIVER_MS = 2_000;

/**
 * What all merchants of an application share: the registry, one scheduler, connections.
 *
 * @internal
 */
@Injectable()
export class WechatPayCore implements OnApplicationShutdown {
  readonly registry = new MerchantRegistry();
  readonly clock = (): number => Date.now();
  private readonly bulkhead = createProcessBulkhead();
  private readonly resilience = {
    hosts: new Hosts(Math.random, (change) => breakerChannel.publish(change)),
    budget: new RetryBudget(),
    random: Math.random,
  };
  readonly merchants = new WechatPayMerchants({
    registry: this.registry,
    clock: this.clock,
    open: (name, options, isLazy) => this.open(name, options, isLazy),
    close: (context) => this.close(context),
    retire: (context) => this.retire(context),
    bulkhead: this.bulkhead,
  });
  /** Bounds what strangers can make us load: merchants, as it bounds downloads. */
  private readonly loads = new OnDemandGate(this.clock, LOADS_PER_MINUTE);
  /** How notifications are handled, by the name of the registration. */
  readonly dispatchSettings = new Map<string, DispatchSettings>();
  /** How those of merchants added at run time are handled. */
  runtimeSettings: DispatchSettings = {};
  private readonly inbox = new MemoryNotificationInbox();
  private startQueue: ((queue: NotificationQueue) => Promise<void>) | undefined;
  private readonly gate = new OnDemandGate(this.clock);
  private readonly decisions = new KeyDecisions();
  private readonly transports = new SharedTransports();
  private readonly stores = new WeakMap<CertificateStore, SharedStore>();
  /** What else ends with a merchant. */
  private readonly ends = new Map<MerchantContext, () => void>();
  /** Of merchants that were taken out while something was in flight. */
  private readonly leaving = new Set<Promise<void>>();

  constructor(@Inject(RenewalScheduler) private readonly scheduler: RenewalScheduler) {}

  /**
   * Checks the options of a merchant, assembles it, starts its renewals, and loads its keys if it is
   * to be loaded at start.
   *
   * @param isLazy renew its certificates only once it has been used
   * @throws {WechatPayConfigurationError} with every problem found
   * @throws {WechatPayCertificateError} `CREDENTIAL_UNAVAILABLE` with `preload`
   */
  async open(name: string, options: WechatPayOptions, isLazy = false): Promise<MerchantContext> {
    const resolved = resolveOptions(options, {
      nowMs: this.clock(),
      isProduction: process.env['NODE_ENV'] === 'production',
    });
    const context = this.assemble(name, resolved);
    try {
      this.registry.add(context);
      this.scheduler.start(context, { isLazy });
      // Queues start with the application, when all handlers are there; later ones with their merchant.
      if (context.queue) await this.startQueue?.(context.queue);
      if (options.preload) await preload(context);
      return context;
    } catch (error) {
      this.retire(context);
      throw error;
    }
  }

  private assemble(name: string, resolved: ResolvedOptions): MerchantContext {
    const { transport, release } = this.transports.take(resolved);
    const context = createMerchantContext(name, resolved, {
      transport,
      resilience: this.resilience,
      bulkhead: this.bulkhead,
      gate: this.gate,
      decisions: this.decisions,
      storeFor: (store) => this.storeFor(store),
      clock: this.clock,
      random: Math.random,
    });
    const log = logKeyEvents(context);
    this.ends.set(context, () => {
      log.unsubscribe();
      release();
    });
    return context;
  }

  /**
   * A merchant for a notification: strangers may name anyone, so their number is bounded.
   *
   * @returns `undefined` when it is too many just now
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`
   * @throws {WechatPayTransportError} `TIMEOUT`, `OVERLOADED`: when it comes again, it may be loaded
   */
  async receiver(name: string): Promise<MerchantContext | undefined> {
    const { merchants, registry, loads } = this;
    if (!merchants.mayResolve(name)) return registry.get(name);
    if (!merchants.isResolving(name) && loads.tryEnter(undefined) === undefined) return undefined;
    const context = await within(merchants.get(name), RECEIVER_MS);
    if (context === LATE) throw tooLate(RECEIVER_MS);
    return context;
  }

  /** What the notification path is allowed to know. */
  get receivers(): NotificationReceivers {
    const { registry, merchants } = this;
    return {
      get: (name) => registry.get(name),
      find: (name) => registry.find(name) ?? registry.findByMchid(name),
      used: (name) => void merchants.find(name),
      mayCome: (name) => {
        if (merchants.mayResolve(name)) return 'resolved';
        return MCHID.test(name) ? 'added' : undefined;
      },
      load: (name) => this.receiver(name),
      ambiguity: () => {
        const { ambiguity: sentence } = registry;
        return sentence === undefined ? undefined : { sentence, isFinal: !merchants.canResolve };
      },
      inbox: this.inbox,
      forEachQueue: async (start) => {
        this.startQueue = start;
        for (const { queue } of [merchants, ...registry.all]) if (queue) await start(queue);
      },
      settingsOf: (name) => this.dispatchSettings.get(name) ?? this.runtimeSettings,
      nowMs: this.clock,
    };
  }

  /** After the servers have closed: requests in flight may still have needed us. */
  async onApplicationShutdown(): Promise<void> {
    const draining = this.registry.all.map((context) => context.drain());
    await Promise.all([...draining, ...this.leaving]);
    for (const context of this.registry.all) this.close(context);
    await this.transports.close();
  }

  /** Takes a merchant out. What is in flight finishes; nothing more begins. */
  private retire(context: MerchantContext): void {
    this.registry.remove(context);
    this.scheduler.stop(context);
    const { isBusy } = context;
    const finished = context.finish();
    if (!isBusy) return this.close(context);
    const leaving = finished.then(() => {
      this.close(context);
      this.leaving.delete(leaving);
    });
    this.leaving.add(leaving);
  }

  private close(context: MerchantContext): void {
    this.registry.remove(context);
    this.scheduler.stop(context);
    context.close();
    this.ends.get(context)?.();
    this.ends.delete(context);
  }

  private storeFor(store: CertificateStore): SharedStore {
    const existing = this.stores.get(store);
    if (existing) return existing;
    const created = new SharedStore(store, Math.random);
    this.stores.set(store, created);
    return created;
  }
}

/** A platform that cannot be reached does not keep an application from starting. */
async function preload({ credentials, certificates }: MerchantContext): Promise<void> {
  await credentials.get();
  await certificates.ready().catch(() => undefined); // an event says why
}

/** Imported once by every registration; global, so that guard and health work in any module. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    RenewalScheduler,
    WechatPayCore,
    {
      provide: NOTIFICATION_RECEIVERS,
      useFactory: (core: WechatPayCore) => core.receivers,
      inject: [WechatPayCore],
    },
    {
      provide: WechatPayMerchants,
      useFactory: (core: WechatPayCore) => core.merchants,
      inject: [WechatPayCore],
    },
    { provide: OBSERVED_MERCHANTS, useExisting: WechatPayMerchants },
    {
      provide: HEALTH_CONTEXTS,
      useFactory: (core: WechatPayCore) => core.registry,
      inject: [WechatPayCore],
    },
    WechatPayNotifyGuard,
    WechatPayNotifications,
    PaymentReconciler,
    TradeBillReconciler,
    HealthIndicatorService,
    WechatPayHealthIndicator,
  ],
  exports: [
    WechatPayCore,
    WechatPayMerchants,
    OBSERVED_MERCHANTS,
    NOTIFICATION_RECEIVERS,
    WechatPayNotifyGuard,
    WechatPayNotifications,
    PaymentReconciler,
    TradeBillReconciler,
    WechatPayHealthIndicator,
  ],
})
export class WechatPayCoreModule {}
