import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { MerchantContext } from '../context/index.js';
import { merchantHealth, type MerchantHealth } from './merchant-health.js';
import { TOKEN_PREFIX } from '../version.js';

/** Whose health is reported; the registry of merchants is this. */
export interface HealthContexts {
  readonly all: readonly MerchantContext[];
  /** @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN` */
  get(name: string): MerchantContext;
}

/** Token of {@link HealthContexts}. */
export const HEALTH_CONTEXTS = `${TOKEN_PREFIX}:health-contexts`;

/**
 * Settings of a health check.
 *
 * @publicApi
 */
export interface WechatPayHealthOptions {
  /** Name of one merchant. @default all of them */
  readonly merchant?: string | undefined;
  /**
   * Add serial numbers, days left, last refresh with the code of its error, and clock skew. For
   * probes that strangers cannot read. @default false
   */
  readonly details?: boolean | undefined;
}

type Session = ReturnType<HealthIndicatorService['check']> & {
  degraded?: (data: object) => HealthIndicatorResult;
};

/**
 * Reports to terminus whether payments can be signed and verified, from facts already known: no
 * network, nothing waits, nothing throws.
 *
 * @publicApi
 */
@Injectable()
export class WechatPayHealthIndicator {
  constructor(
    @Inject(HEALTH_CONTEXTS) private readonly contexts: HealthContexts,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  /**
   * `up`; `down` only when nothing can verify; degraded from 30 days before an expiry, after missed
   * refreshes, or with a wrong clock. Terminus 11 knows no degraded state: there it is `up` with
   * `degraded: true`.
   *
   * @param key the name under which terminus reports it
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN` for a name that was never registered
   */
  check(key: string, options: WechatPayHealthOptions = {}): HealthIndicatorResult {
    const { merchant } = options;
    const contexts = merchant === undefined ? this.contexts.all : [this.contexts.get(merchant)];
    const now = Date.now();
    const reports = contexts.map((context) => ({
      name: context.name,
      health: merchantHealth(context, now),
    }));
    const merchants = Object.fromEntries(
      reports.map(({ name, health }) => [name, describe(health, options.details ?? false)]),
    );
    const session: Session = this.indicators.check(key);
    if (reports.some(({ health }) => health.state === 'down')) return session.down({ merchants });
    if (!reports.some(({ health }) => health.state === 'degraded'))
      return session.up({ merchants });
    return session.degraded
      ? session.degraded({ merchants })
      : session.up({ merchants, degraded: true });
  }
}

function describe(health: MerchantHealth, withDetails: boolean): object {
  const { state, reasons, details } = health;
  return { state, ...(reasons.length > 0 ? { reasons } : {}), ...(withDetails ? details : {}) };
}
