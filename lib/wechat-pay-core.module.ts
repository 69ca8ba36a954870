import { Global, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import type { Subscription } from 'rxjs';
import { OnDemandGate } from './certificates/index.js';
import {
  createMerchantContext,
  MerchantRegistry,
  resolveOptions,
  type MerchantContext,
  type ResolvedOptions,
} from './context/index.js';
import { HEALTH_CONTEXTS, WechatPayHealthIndicator } from './health/index.js';
import { logKeyEvents } from './key-event.logger.js';
import { NOTIFICATION_RECEIVERS, WechatPayNotifyGuard } from './notification/index.js';
import { RenewalScheduler } from './renewal.scheduler.js';
import { Transport } from './transport/index.js';
import type { WechatPayOptions } from './wechat-pay.options.js';

/**
 * What all merchants of an application share: the registry, one scheduler, connections.
 *
 * @internal
 */
@Injectable()
export class WechatPayCore implements OnApplicationShutdown {
  readonly registry = new MerchantRegistry();
  readonly clock = (): number => Date.now();
  private readonly gate = new OnDemandGate(this.clock);
  private readonly transports = new Map<string | object, Transport>();
  private readonly subscriptions: Subscription[] = [];

  constructor(@Inject(RenewalScheduler) private readonly scheduler: RenewalScheduler) {}

  /**
   * Checks the options of a merchant, assembles it, and starts its renewals.
   *
   * @throws {WechatPayConfigurationError} with every problem found
   */
  addMerchant(name: string, options: WechatPayOptions): MerchantContext {
    const resolved = resolveOptions(options, {
      nowMs: this.clock(),
      isProduction: process.env['NODE_ENV'] === 'production',
    });
    const context = createMerchantContext(name, resolved, {
      transport: this.transportFor(resolved),
      gate: this.gate,
      clock: this.clock,
      random: Math.random,
    });
    this.registry.add(context);
    this.subscriptions.push(logKeyEvents(context));
    this.scheduler.start(context, Math.random, this.clock);
    return context;
  }

  /** After the servers have closed: requests in flight may still have needed us. */
  async onApplicationShutdown(): Promise<void> {
    for (const context of this.registry.all) context.close();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    await Promise.all([...this.transports.values()].map((transport) => transport.close()));
  }

  /** Merchants with the same connection settings share their connections. */
  private transportFor({ transport: options }: ResolvedOptions): Transport {
    const key = options.dispatcher ?? JSON.stringify(options);
    const existing = this.transports.get(key);
    if (existing) return existing;
    const created = new Transport(options);
    this.transports.set(key, created);
    return created;
  }
}

/** Imported once by every registration; global, so that guard and health work in any module. */
@Global()
@Module({
  providers: [
    RenewalScheduler,
    WechatPayCore,
    {
      provide: NOTIFICATION_RECEIVERS,
      useFactory: (core: WechatPayCore) => ({
        get: (name?: string) => core.registry.get(name),
        nowMs: core.clock,
      }),
      inject: [WechatPayCore],
    },
    {
      provide: HEALTH_CONTEXTS,
      useFactory: (core: WechatPayCore) => core.registry,
      inject: [WechatPayCore],
    },
    WechatPayNotifyGuard,
    HealthIndicatorService,
    WechatPayHealthIndicator,
  ],
  exports: [WechatPayCore, NOTIFICATION_RECEIVERS, WechatPayNotifyGuard, WechatPayHealthIndicator],
})
export class WechatPayCoreModule {}
