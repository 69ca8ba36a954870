import { WechatPayConfigurationError } from '../errors/index.js';
import type { MerchantContext } from './merchant-context.js';

/** Name of the registration that needs none. */
export const DEFAULT_MERCHANT = 'default';

/**
 * Every merchant of an application, by name.
 *
 * @internal
 */
export class MerchantRegistry {
  readonly #contexts = new Map<string, MerchantContext>();

  /** All merchants, in the order of their registration. */
  get all(): readonly MerchantContext[] {
    return [...this.#contexts.values()];
  }

  /** @throws {WechatPayConfigurationError} when the name is taken */
  add(context: MerchantContext): void {
    if (this.#contexts.has(context.name)) {
      throw new WechatPayConfigurationError([
        `Two merchants are registered as "${context.name}": give each registration a name of its own`,
      ]);
    }
    this.#contexts.set(context.name, context);
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
    const names = [...this.#contexts.keys()].map((known) => `"${known}"`).join(', ') || 'none';
    throw new WechatPayConfigurationError(
      [
        name === undefined
          ? `Several merchants are registered (${names}): say which one, @WechatPayNotify({ merchant: '…' })`
          : `No such merchant is registered; there is ${names}`,
      ],
      { code: 'MERCHANT_UNKNOWN', title: 'Unknown merchant' },
    );
  }
}
