import { WechatPayRequestError } from '../errors/index.js';

/** What a request says about who pays whom, direct or as a service provider (服务商). */
export interface MerchantIdentity {
  /** Query of a query, body of a close. */
  readonly numbers: Readonly<Record<string, string>>;
  /** Name of the body field that holds our appid. */
  readonly appidField: 'appid' | 'sp_appid';
  /** The mchid that signs and places orders. */
  readonly mchid: string;
}

/** Defaults that come from the merchant's options. */
export interface ClientDefaults {
  /** Appids by name; a single one is called `default`. */
  readonly appids: Readonly<Record<string, string>>;
  readonly notifyUrl: string | undefined;
}

/** A merchant that sells in its own name. */
export function directIdentity(mchid: string): MerchantIdentity {
  return { numbers: { mchid }, appidField: 'appid', mchid };
}

/**
 * A service provider that acts for a sub-merchant (特约商户).
 *
 * @throws {WechatPayRequestError} when the number is not one
 */
export function partnerIdentity(mchid: string, subMchid: string): MerchantIdentity {
  if (!/^[0-9]{6,32}$/.test(subMchid)) {
    throw new WechatPayRequestError('subMchid (特约商户号) must be a number as text');
  }
  return { numbers: { sp_mchid: mchid, sub_mchid: subMchid }, appidField: 'sp_appid', mchid };
}

/**
 * Completes the body of an order: merchant numbers, appid and notify_url where they were left out.
 *
 * @param appidName which of several configured appids to use
 * @throws {WechatPayRequestError} when there is no default for what was left out
 */
export function completeOrder(
  body: object,
  identity: MerchantIdentity,
  defaults: ClientDefaults,
  appidName: string | undefined,
): Record<string, unknown> {
  const given = present(body);
  return {
    ...identity.numbers,
    ...given,
    [identity.appidField]: given[identity.appidField] ?? defaultAppid(defaults.appids, appidName),
    notify_url: given['notify_url'] ?? defaultNotifyUrl(defaults.notifyUrl),
  };
}

/**
 * What is given: a field that is `undefined` was left out.
 *
 * @throws {WechatPayRequestError} when there is no body
 */
export function present(body: object): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) {
    throw new WechatPayRequestError('The body of the call is missing');
  }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/**
 * The appid that is meant: a configured one by its name, any other as it is, or the default.
 *
 * @throws {WechatPayRequestError} when there is no default
 */
export function appidOf(
  appids: Readonly<Record<string, string>>,
  given: string | undefined,
): string {
  const isForeign = given !== undefined && !Object.hasOwn(appids, given);
  return isForeign ? given : defaultAppid(appids, given);
}

/**
 * One of the configured appids: the named one, the only one, or the one called `default`.
 *
 * @throws {WechatPayRequestError} when that does not say which
 */
export function defaultAppid(
  appids: Readonly<Record<string, string>>,
  name: string | undefined,
): string {
  const names = Object.keys(appids);
  const chosen = name ?? (names.length === 1 ? names[0] : 'default');
  const appid = chosen !== undefined && Object.hasOwn(appids, chosen) ? appids[chosen] : undefined;
  if (appid !== undefined) return appid;
  throw new WechatPayRequestError(
    names.length === 0
      ? 'appid was left out and none is configured: set it in the options (WECHATPAY_APPID)'
      : `Say which appid to use: { appid: '…' } with one of ${names.join(', ')}`,
  );
}

function defaultNotifyUrl(notifyUrl: string | undefined): string {
  if (notifyUrl !== undefined) return notifyUrl;
  throw new WechatPayRequestError(
    'notify_url (回调地址) was left out and none is configured: set notifyUrl (WECHATPAY_NOTIFY_URL)',
  );
}
