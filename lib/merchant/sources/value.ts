import { WechatPayConfigurationError } from '../../errors/index.js';
import type { CredentialField } from '../credential-source.js';
import { unavailable } from './bounds.js';

/**
 * A field that is known already. Bytes are copied at every load: a loaded Buffer is overwritten
 * after use.
 *
 * @publicApi
 */
export function fromValue<T>(value: T): CredentialField<T> {
  return {
    load: () => Promise.resolve(value instanceof Uint8Array ? (Buffer.from(value) as T) : value),
  };
}

/**
 * A field from an environment variable, read at every load. It never changes by itself.
 *
 * @param name of the variable, such as `WECHATPAY_PRIVATE_KEY`
 * @param environment where to look it up
 * @returns a field whose `load` rejects with a {@link WechatPayCertificateError} that names the
 * variable when it is missing or empty
 * @throws {WechatPayConfigurationError} when `name` cannot be one
 *
 * @publicApi
 */
export function fromEnv(
  name: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): CredentialField<string> {
  if (typeof name !== 'string' || !/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/.test(name)) {
    throw new WechatPayConfigurationError([
      'fromEnv needs the name of an environment variable, not its content',
    ]);
  }
  return {
    load: () => {
      const value: unknown = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (typeof value === 'string' && value.trim() !== '') return Promise.resolve(value);
      return Promise.reject(
        unavailable(`the environment variable ${name} is missing or empty: set it`, false),
      );
    },
  };
}
