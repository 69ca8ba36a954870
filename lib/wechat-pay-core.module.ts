import { Global, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HealthIndicatorService } from '@nestjs/terminus';
import type { Subscription } from 'rxjs';
import { OnDemandGate, SharedStore, type CertificateStore } from './certificates/index.js';
import {
  createMerchantContext,
  MCHID,
  MerchantRegistry,
  resolveOptions,
  WechatPayMerchants,
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
import { breakerChannel } from './diagnostics/index.js';
import { createProcessBulkhead, Hosts, RetryBudget, Transport } from './transport/index.js';
import type { WechatPayOptions } from './wechat-pay.options.js';

/** Merchants that notifications make us look for, known to us or not. */
const LOADS_PER_MINUTE = 600;

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
  private readonly transports = new Map<string | object, Transport>();
  /** Of merchants that show their certificate: closed with them. */
  private readonly ownTransports = new Map<MerchantContext, Transport>();
  private readonly stores = new WeakMap<CertificateStore, SharedStore>();
  private readonly subscriptions = new Map<MerchantContext, Subscription>();

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
    const transport = this.transportFor(resolved);
    const context = createMerchantContext(name, resolved, {
      transport,
      resilience: this.resilience,
      bulkhead: this.bulkhead,
      gate: this.gate,
      storeFor: (store) => this.storeFor(store),
      clock: this.clock,
      random: Math.random,
    });
    this.registry.add(context);
    if (resolved.presentsCertificate) this.ownTransports.set(context, transport);
    this.subscriptions.set(context, logKeyEvents(context));
    this.scheduler.start(context, { isLazy });
    if (context.queue) await this.startQueueOf(context, context.queue);
    if (options.preload) await preload(context);
    return context;
  }

  /** Queues start with the application, when all handlers are there; later ones with their merchant. */
  private async startQueueOf(context: MerchantContext, queue: NotificationQueue): Promise<void> {
    try {
      await this.startQueue?.(queue);
    } catch (error) {
      this.close(context);
      throw error;
    }
  }

  /**
   * A merchant for a notification: strangers may name anyone, so their number is bounded.
   *
   * @returns `undefined` when it is too many just now
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`
   */
  async receiver(name: string): Promise<MerchantContext | undefined> {
    const { merchants, registry, loads } = this;
    if (!merchants.mayResolve(name)) return registry.get(name);
    if (!merchants.isResolving(name) && loads.tryEnter(undefined) === undefined) return undefined;
    return merchants.get(name);
  }

  /** What the notification path is allowed to know. */
  get receivers(): NotificationReceivers {
    const { registry, merchants } = this;
    return {
      get: (name) => registry.get(name),
      find: (name) => merchants.find(name) ?? registry.findByMchid(name),
      mayCome: (name) => MCHID.test(name),
      load: (name) => this.receiver(name),
      inboxOf: (name) => registry.find(name)?.inbox ?? this.inbox,
      queueOf: (name) => registry.find(name)?.queue,
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
    const own = [...this.ownTransports.values()];
    await Promise.all(this.registry.all.map((context) => context.drain()));
    for (const context of this.registry.all) this.close(context);
    await Promise.all([...this.transports.values(), ...own].map((transport) => transport.close()));
  }

  private close(context: MerchantContext): void {
    this.registry.remove(context);
    this.scheduler.stop(context);
    context.close();
    this.subscriptions.get(context)?.unsubscribe();
    this.subscriptions.delete(context);
    void this.ownTransports.get(context)?.close();
    this.ownTransports.delete(context);
  }

  private storeFor(store: CertificateStore): SharedStore {
    const existing = this.stores.get(store);
    if (existing) return existing;
    const created = new SharedStore(store, Math.random);
    this.stores.set(store, created);
    return created;
  }

  /** Merchants with the same connection settings share them; who shows a certificate is alone. */
  private transportFor({ transport: options, presentsCertificate }: ResolvedOptions): Transport {
    if (presentsCertificate) return new Transport(options);
    const key = options.dispatcher ?? JSON.stringify(options);
    const existing = this.transports.get(key);
    if (existing) return existing;
    const created = new Transport(options);
    this.transports.set(key, created);
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
    NOTIFICATION_RECEIVERS,
    WechatPayNotifyGuard,
    WechatPayNotifications,
    PaymentReconciler,
    TradeBillReconciler,
    WechatPayHealthIndicator,
  ],
})
export class WechatPayCoreModule {}
