import { registerAs } from '@nestjs/config';
import { WechatPayConfigurationError } from './errors/index.js';
import { readEnvironment } from './wechat-pay.environment.js';
import type { WechatPayOptions } from './wechat-pay.options.js';
import type { WechatPayConfigClients } from './wechat-pay.variables.js';

const register = (token: string, read: () => WechatPayOptions) => registerAs(token, read);

type ConfigOfMerchant = ReturnType<typeof register>;

/**
 * The options of one merchant from the environment, as a configuration of `@nestjs/config`, with what
 * makes others of it.
 *
 * @publicApi
 */
export type WechatPayConfig = ConfigOfMerchant & {
  /** The same for a merchant of its own name: `WECHATPAY_SHOP_B_…` for `shop-b`. */
  for(name: string): ConfigOfMerchant;
  /**
   * The same with clients that an environment cannot name. `{ kms }` decrypts the variables that end
   * in `_KMS`.
   *
   * @throws {WechatPayConfigurationError} when a client is none
   */
  using(clients: WechatPayConfigClients): WechatPayConfig;
};

function configWith(clients: WechatPayConfigClients): WechatPayConfig {
  const read = (prefix: string): WechatPayOptions => readEnvironment(prefix, process.env, clients);
  return Object.assign(
    register('wechatpay', () => read('WECHATPAY')),
    {
      for: (name: string): ConfigOfMerchant => {
        if (!/^[a-z0-9]+(?:[-_][a-z0-9]+)*$/i.test(name)) {
          throw new WechatPayConfigurationError([
            'A merchant name in the environment has letters, digits, - and _ only',
          ]);
        }
        const prefix = `WECHATPAY_${name.toUpperCase().replaceAll('-', '_')}`;
        return register(`wechatpay-${name}`, () => read(prefix));
      },
      using: (others: WechatPayConfigClients): WechatPayConfig => {
        const next = { ...clients, ...others };
        if (next.kms !== undefined && typeof next.kms?.decrypt !== 'function') {
          throw new WechatPayConfigurationError([
            'wechatPayConfig.using: kms must have decrypt(input, options), as new KMS({}) of @aws-sdk/client-kms',
          ]);
        }
        return configWith(next);
      },
    },
  );
}

/**
 * Options from the environment (`WECHATPAY_MCHID`, `WECHATPAY_PRIVATE_KEY_FILE`, …):
 * `WechatPayModule.forRootAsync(wechatPayConfig.asProvider())`. `wechatPayConfig.for('shop-b')` reads
 * `WECHATPAY_SHOP_B_…`.
 *
 * A credential with a `_FILE` is watched: a replaced file comes in force at run time. One with a `_KMS`
 * is decrypted when it is loaded, by the client of `wechatPayConfig.using({ kms: new KMS({}) })`.
 *
 * @publicApi
 */
export const wechatPayConfig: WechatPayConfig = configWith({});
