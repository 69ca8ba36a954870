import { readFileSync } from 'node:fs';
import { registerAs } from '@nestjs/config';
import { DirectoryCertificateStore } from './certificates/index.js';
import { resolveOptions } from './context/index.js';
import { WechatPayConfigurationError } from './errors/index.js';
import type { WechatPayOptions } from './wechat-pay.options.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the options of one merchant from environment variables; each of the key variables may name
 * a file instead with `_FILE`. Values are checked later, when the module is created.
 *
 * @param prefix `WECHATPAY`, or `WECHATPAY_SHOP_B` for the merchant `shop-b`
 * @throws {WechatPayConfigurationError} when a file cannot be read or a variable contradicts another
 */
export function readEnvironment(prefix: string, environment: Environment): WechatPayOptions {
  const problems: string[] = [];
  const plain = (name: string): string | undefined =>
    environment[`${prefix}_${name}`]?.trim() || undefined;
  const content = (name: string): string | undefined => {
    const value = plain(name);
    const file = plain(`${name}_FILE`);
    if (plain(`${name}_KMS`) !== undefined) {
      problems.push(`${prefix}_${name}_KMS is not supported by this version`);
    }
    if (file === undefined) return value;
    if (value !== undefined)
      problems.push(`${prefix}_${name} and ${prefix}_${name}_FILE are both set`);
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      problems.push(`The file named by ${prefix}_${name}_FILE cannot be read (${code})`);
      return undefined;
    }
  };
  const publicKeyId = plain('PUBLIC_KEY_ID');
  const publicKey = content('PUBLIC_KEY');
  if ((publicKeyId === undefined) !== (publicKey === undefined)) {
    problems.push(
      `${prefix}_PUBLIC_KEY_ID and ${prefix}_PUBLIC_KEY (or _FILE) are needed together`,
    );
  }
  const switched = plain('PLATFORM_CERTIFICATES');
  if (switched !== undefined && switched !== 'on' && switched !== 'off') {
    problems.push(`${prefix}_PLATFORM_CERTIFICATES must be on or off`);
  }
  const storeDirectory = plain('STORE_DIR');
  const options: WechatPayOptions = {
    mchid: content('MCHID') ?? '',
    appid: content('APPID'),
    credential: {
      privateKey: content('PRIVATE_KEY') ?? '',
      certificate: content('CERTIFICATE'),
      serialNo: plain('SERIAL_NO'),
      apiV3Key: content('API_V3_KEY') ?? [],
    },
    platform: {
      certificates: switched === undefined ? undefined : switched === 'on',
      publicKey:
        publicKeyId !== undefined && publicKey !== undefined
          ? { id: publicKeyId, key: publicKey }
          : undefined,
    },
    notifyUrl: plain('NOTIFY_URL'),
    baseUrl: plain('BASE_URL'),
    store: storeDirectory === undefined ? undefined : new DirectoryCertificateStore(storeDirectory),
  };
  if (problems.length > 0) {
    throw new WechatPayConfigurationError([...problems, ...problemsOf(options)], {
      title: 'The WECHATPAY_* environment variables are wrong',
    });
  }
  return options;
}

/** What the module would find wrong later: one start shows every problem. */
function problemsOf(options: WechatPayOptions): readonly string[] {
  try {
    resolveOptions(options, { nowMs: Date.now(), isProduction: false });
    return [];
  } catch (error) {
    return error instanceof WechatPayConfigurationError ? error.problems : [];
  }
}

const forDefault = registerAs('wechatpay', () => readEnvironment('WECHATPAY', process.env));

function forMerchant(name: string): typeof forDefault {
  if (!/^[a-z0-9]+(?:[-_][a-z0-9]+)*$/i.test(name)) {
    throw new WechatPayConfigurationError([
      'A merchant name in the environment has letters, digits, - and _ only',
    ]);
  }
  const prefix = `WECHATPAY_${name.toUpperCase().replaceAll('-', '_')}`;
  return registerAs(`wechatpay-${name}`, () => readEnvironment(prefix, process.env));
}

/**
 * Options from the environment (`WECHATPAY_MCHID`, `WECHATPAY_PRIVATE_KEY_FILE`, …):
 * `WechatPayModule.forRootAsync(wechatPayConfig.asProvider())`. `wechatPayConfig.for('shop-b')` reads
 * `WECHATPAY_SHOP_B_…`.
 *
 * @publicApi
 */
export const wechatPayConfig: typeof forDefault & {
  /** The same for a merchant of its own name. */
  for(name: string): typeof forDefault;
} = Object.assign(forDefault, { for: forMerchant });
