import { WechatPayConfigurationError, WechatPayTransportError } from '../errors/index.js';
import type { WechatPayOptions } from '../wechat-pay.options.js';
import { LATE, within } from './patience.js';

/** Finds the options of a merchant; `undefined` when there is none. */
type Resolve = (
  mchid: string,
) => WechatPayOptions | undefined | Promise<WechatPayOptions | undefined>;

/** How long a lookup may take. */
const LOOKUP_MS = 5_000;
/** A merchant that does not exist is not looked up again for this long. */
const ABSENT_MS = 60_000;
const MAX_ABSENT = 10_000;
export const MCHID = /^[0-9]{6,32}$/;

/** Looks for merchants that are not loaded, with bounds of time. */
export class MerchantLookups {
  readonly #clock: () => number;
  readonly #absentUntilMs = new Map<string, number>();
  /** The application's own lookup. */
  resolve: Resolve | undefined;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Whether it makes sense to look: costs nothing. */
  mayFind(name: string): boolean {
    if (!this.resolve || !MCHID.test(name)) return false;
    return (this.#absentUntilMs.get(name) ?? 0) <= this.#clock();
  }

  /**
   * The options of a merchant.
   *
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`, or they are those of another merchant
   * @throws {WechatPayTransportError} `TIMEOUT`
   */
  async find(name: string): Promise<WechatPayOptions> {
    const { resolve } = this;
    if (!resolve || !this.mayFind(name)) throw unknown();
    const options = await within((async () => resolve(name))(), LOOKUP_MS);
    if (options === LATE) throw tooLate(LOOKUP_MS);
    if (!options) {
      this.#rememberAbsent(name);
      throw unknown();
    }
    if (options.mchid !== name) {
      throw new WechatPayConfigurationError([
        `resolve('${name}') delivered the options of another merchant: their mchid must be the one asked for`,
      ]);
    }
    return options;
  }

  /** Whoever did not exist may do so now. */
  forgetAbsent(name: string): void {
    this.#absentUntilMs.delete(name);
  }

  #rememberAbsent(name: string): void {
    this.#absentUntilMs.delete(name);
    this.#absentUntilMs.set(name, this.#clock() + ABSENT_MS);
    const [oldest] = this.#absentUntilMs.keys();
    if (this.#absentUntilMs.size > MAX_ABSENT && oldest !== undefined) {
      this.#absentUntilMs.delete(oldest);
    }
  }
}

/** The error of who does not wait for a lookup any longer. Whom strangers name is not repeated in it. */
export function tooLate(timeoutMs: number): WechatPayTransportError {
  return new WechatPayTransportError(
    'TIMEOUT',
    `A merchant was not loaded within ${timeoutMs / 1000} s: see what resolve() of WechatPayMerchantsModule waits for, such as a database`,
    { isRetryable: true },
  );
}

/** The error of who looks for a merchant while too many are looked for. */
export function tooMany(count: number): WechatPayTransportError {
  return new WechatPayTransportError(
    'OVERLOADED',
    `${count} merchants are being looked up at this moment, so this one was not: load them before they are needed, a few at a time, or make resolve() of WechatPayMerchantsModule faster`,
    { isRetryable: true, retryAfterMs: 1_000 },
  );
}

function unknown(): WechatPayConfigurationError {
  return new WechatPayConfigurationError(['There is no merchant of this mchid'], {
    code: 'MERCHANT_UNKNOWN',
    title: 'Unknown merchant',
  });
}
