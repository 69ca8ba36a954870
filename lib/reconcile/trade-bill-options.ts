import { MCHID } from '../context/index.js';
import { WechatPayConfigurationError } from '../errors/index.js';
import type { BillDifference, ShopTrade } from './bill-comparison.js';
import { chinaDay, type TradeBillDay } from './china-day.js';

/**
 * What a shop implements over its own tables.
 *
 * @publicApi
 */
export interface TradeBillSource {
  /**
   * Everything that the shop has in its books for one day: orders that were paid on it (`success_time`),
   * and refunds that the platform took on that day (`create_time`, not when they succeeded), whatever
   * became of them. In any order; read it in pages.
   */
  trades(day: TradeBillDay): AsyncIterable<ShopTrade> | Iterable<ShopTrade>;
  /**
   * Is told of every difference that the daily run finds. When it fails, or anything else does, all of
   * them are told again half an hour later.
   */
  onDifference?(difference: BillDifference, day: TradeBillDay): void | Promise<void>;
}

/**
 * Which trade bill to compare.
 *
 * @publicApi
 */
export interface TradeBillQuery {
  /** The day in China, `yyyy-MM-dd`; the platform keeps three months. */
  readonly date: string;
  /** Name of the registration. @default 'default' */
  readonly merchant?: string | undefined;
  /** Only that of one sub-merchant (特约商户). @default all of the merchant's */
  readonly subMchid?: string | undefined;
}

/**
 * When trade bills are compared.
 *
 * @publicApi
 */
export interface TradeBillOptions extends Omit<TradeBillQuery, 'date'> {
  /**
   * Time of day in Beijing (UTC+8), `HH:mm`, 09:00 to 19:30: the platform makes bills from nine to ten.
   * @default '10:30'
   */
  readonly at?: string | undefined;
  /** Longest random delay of a process, in milliseconds, 0 to 600,000. @default 600000 */
  readonly jitterMs?: number | undefined;
}

/** Checked, with defaults. */
export interface TradeBillSettings {
  readonly merchant: string;
  readonly subMchid: string | undefined;
  readonly at: string;
  readonly jitterMs: number;
}

const DEFAULTS = { merchant: 'default', subMchid: undefined, at: '10:30', jitterMs: 600_000 };
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

/** @throws {WechatPayConfigurationError} with every problem */
export function dailySettings(
  source: TradeBillSource,
  options: TradeBillOptions,
): TradeBillSettings {
  const settings = withDefaults(options);
  const { at, jitterMs } = settings;
  const problems = commonProblems(source, settings);
  if (!(TIME.test(at) && at >= '09:00' && at <= '19:30')) {
    problems.push('at must be a time from 09:00 to 19:30 in Beijing, such as 10:30');
  }
  if (!(jitterMs >= 0 && jitterMs <= 600_000)) {
    problems.push('jitterMs must be a number from 0 to 600000');
  }
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  return settings;
}

/** @throws {WechatPayConfigurationError} with every problem */
export function billQuery(
  source: TradeBillSource,
  query: TradeBillQuery,
): Pick<TradeBillSettings, 'merchant' | 'subMchid'> & { readonly day: TradeBillDay } {
  const { merchant, subMchid } = withDefaults(query);
  const problems = commonProblems(source, { subMchid });
  const day = chinaDay(query.date);
  if (day && problems.length === 0) return { merchant, subMchid, day };
  if (!day) problems.push('date must be a day, yyyy-MM-dd');
  throw new WechatPayConfigurationError(problems);
}

/** What is `undefined` counts as left out. */
function withDefaults(options: TradeBillOptions): TradeBillSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

function commonProblems(
  source: TradeBillSource,
  { subMchid }: Pick<TradeBillSettings, 'subMchid'>,
): string[] {
  const problems: string[] = [];
  if (typeof source?.trades !== 'function') problems.push('the source must have trades(day)');
  if (subMchid !== undefined && !MCHID.test(subMchid)) {
    problems.push('subMchid (特约商户号) must be a number as text');
  }
  return problems;
}
