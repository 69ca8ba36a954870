import { WechatPayConfigurationError } from '../errors/index.js';
import type { MerchantContext } from './merchant-context.js';

/** Name of the registration that needs none. */
export const DEFAULT_MERCHANT = 'default';
/** Names in an error message. */
const MAX_LISTED = 20;

/**
 * Every merchant of an application, by name.
 *
 * @internal
 */
export class MerchantRegistry {
  readonly #contexts = new Map<string, MerchantContext>();
  /** Those that have another name than their mchid. */
  readonly #byMchid = new Map<string, MerchantContext>();

  /** All merchants, in the order of their registration. */
  get all(): readonly MerchantContext[] {
    return [...this.#contexts.values()];
  }

  /** What is wrong with naming no merchant, when there are several and none is the default one. */
  get ambiguity(): string | undefined {
    const isClear = this.#contexts.size < 2 || this.#contexts.has(DEFAULT_MERCHANT);
    return isClear ? undefined : this.#severalSentence;
  }

  /** @throws {WechatPayConfigurationError} when the name is taken */
  add(context: MerchantContext): void {
    if (this.#contexts.has(context.name)) {
      throw new WechatPayConfigurationError([
        `Two merchants are registered as "${context.name}": give each registration a name of its own`,
      ]);
    }
    this.#contexts.set(context.name, context);
    const { name, mchid } = context;
    if (name !== mchid && !this.#byMchid.has(mchid)) this.#byMchid.set(mchid, context);
  }

  /** Takes a merchant out, if it is still the one of its name. */
  remove(context: MerchantContext): void {
    if (this.#contexts.get(context.name) === context) this.#contexts.delete(context.name);
    if (this.#byMchid.get(context.mchid) !== context) return;
    this.#byMchid.delete(context.mchid);
    const next = this.all.find(({ name, mchid }) => mchid === context.mchid && name !== mchid);
    if (next) this.#byMchid.set(next.mchid, next);
  }

  /** The merchant of this name, if there is one. */
  find(name: string): MerchantContext | undefined {
    return this.#contexts.get(name);
  }

  /** The merchant of this mchid, the one registered first if there are several. */
  findByMchid(mchid: string): MerchantContext | undefined {
    const context = this.#contexts.get(mchid);
    return context?.mchid === mchid ? context : this.#byMchid.get(mchid);
  }

  /**
   * The merchant of this name; without a name the default one, or the only one.
   *
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`
   */
  get(name?: string): MerchantContext {
    const found =
      name === undefined
        ? (this.#contexts.get(DEFAULT_MERCHANT) ??
          (this.#contexts.size === 1 ? this.all[0] : undefined))
        : this.#contexts.get(name);
    if (found) return found;
    throw new WechatPayConfigurationError(
      [
        name === undefined
          ? this.#severalSentence
          : `No such merchant is registered; there is ${this.#names}`,
      ],
      { code: 'MERCHANT_UNKNOWN', title: 'Unknown merchant' },
    );
  }

  get #severalSentence(): string {
    return `Several merchants are registered (${this.#names}): say which one, @WechatPayNotify({ merchant: '…' })`;
  }

  get #names(): string {
    const listed = [...this.#contexts.keys()].slice(0, MAX_LISTED);
    return listed.map((known) => `"${known}"`).join(', ') || 'none';
  }
}
