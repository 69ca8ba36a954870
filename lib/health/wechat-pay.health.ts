import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { MerchantContext } from '../context/index.js';
import { merchantHealth, type MerchantHealth, type MerchantState } from './merchant-health.js';
import { TOKEN_PREFIX } from '../version.js';

/** Whose health is reported; the registry of merchants is this. */
export interface HealthContexts {
  readonly all: readonly MerchantContext[];
  /** @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN` */
  get(name: string): MerchantContext;
}

/** Merchants in one report; with thousands of them it would be a page of its own. */
const MAX_LISTED = 50;
/** What somebody should look at comes first. */
const RANK: Readonly<Record<MerchantState, number>> = { down: 0, degraded: 1, up: 2 };

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
   * `up`; `down` only when nothing can verify, for none of the merchants; degraded from
   * `renewal.renewBeforeMs` (30 days) before an expiry, after failed refreshes or 24 hours without
   * one, while a credential cannot be loaded from its source, with a wrong clock, or when some merchants
   * are down. Terminus 11 knows no degraded state: there it is `up` with `degraded: true`.
   *
   * Beyond 50 merchants those are listed that somebody should look at, with counts of all.
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
    const count = (state: MerchantState): number =>
      reports.filter(({ health }) => health.state === state).length;
    const listed = [...reports]
      .sort((one, other) => RANK[one.health.state] - RANK[other.health.state])
      .slice(0, MAX_LISTED);
    const merchants = Object.fromEntries(
      listed.map(({ name, health }) => [name, describe(health, options.details ?? false)]),
    );
    const [down, degraded] = [count('down'), count('degraded')];
    const total = reports.length;
    const data = { merchants, ...(total > MAX_LISTED && { counts: { total, degraded, down } }) };
    const session: Session = this.indicators.check(key);
    if (down > 0 && down === total) return session.down(data);
    if (down + degraded === 0) return session.up(data);
    return session.degraded ? session.degraded(data) : session.up({ ...data, degraded: true });
  }
}

function describe(health: MerchantHealth, withDetails: boolean): object {
  const { state, reasons, details } = health;
  return { state, ...(reasons.length > 0 ? { reasons } : {}), ...(withDetails ? details : {}) };
}
