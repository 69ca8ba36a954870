import { validateCronExpression } from 'cron';
import {
  publicKeyEntry,
  RENEWAL,
  type PlatformKey,
  type RenewalOptions,
} from '../certificates/index.js';
import { isPublicKeyId, parsePublicKey } from '../crypto/index.js';
import { checkMessageOf, WechatPayConfigurationError } from '../errors/index.js';
import {
  checkCredential,
  type CredentialSource,
  type MerchantCredential,
} from '../merchant/index.js';
import { DEFAULT_BACKUP_URL, DEFAULT_BASE_URL, parseBaseUrl } from '../transport/index.js';
import type {
  WechatPayCredentialOptions,
  WechatPayOptions,
  WechatPayPlatformOptions,
  WechatPayPublicKeyOptions,
} from '../wechat-pay.options.js';
import { identityProblems } from './client-identity.js';
import { checkShapes } from './option-shapes.js';
import { emulatorCredentialProblems, emulatorPublicKeyProblems } from './emulator-keys.js';
import { resolveCalls } from './resolve-calls.js';
import { resolveTransport } from './resolve-transport.js';
import type { ResolvedOptions } from './resolved-options.js';

type Collect = (problem: string) => void;

/** Where the checks look besides the options. */
export interface ResolveEnvironment {
  readonly nowMs: number;
  /** Keys of the emulator are refused there. */
  readonly isProduction: boolean;
}

/**
 * Checks the options of one merchant and fills in defaults.
 *
 * @throws {WechatPayConfigurationError} with every problem found; no secret is in it
 */
export function resolveOptions(
  options: WechatPayOptions,
  environment: ResolveEnvironment,
): ResolvedOptions {
  const problems: string[] = [];
  const collect: Collect = (problem) => problems.push(problem);
  const given = checkShapes(options, collect);
  // A number would pass for a text until a notification is compared with it.
  const mchid = typeof given.mchid === 'string' ? given.mchid : '';
  if (!/^[0-9]{6,32}$/.test(mchid)) {
    collect('mchid (商户号) is missing or not a text of 6 to 32 digits');
  }
  const credential = resolveCredential(mchid, given.credential, environment.nowMs, collect);
  const platform = given.platform ?? {};
  const publicKeys = resolvePublicKeys(platform, collect);
  const usesCertificates = platform.certificates ?? true;
  const hasNone = platform.publicKey === undefined || [platform.publicKey].flat().length === 0;
  if (!usesCertificates && hasNone) {
    collect(
      'platform.certificates is off and platform.publicKey (微信支付公钥) is missing: nothing could be verified',
    );
  }
  if (environment.isProduction) {
    if (credential && !('load' in credential)) {
      emulatorCredentialProblems(credential).forEach(collect);
    }
    emulatorPublicKeyProblems(publicKeys).forEach(collect);
  }
  const http = given.http ?? {};
  const presentsCertificate = http.tls?.clientCertificate ?? false;
  if (presentsCertificate && credential && !('load' in credential)) {
    identityProblems(credential).forEach(collect);
  }
  const refusals = [
    ...(environment.isProduction ? [emulatorCredentialProblems] : []),
    ...(presentsCertificate ? [identityProblems] : []),
  ];
  const resolved = {
    mchid,
    appids: resolveAppids(given.appid, collect),
    refuseCredential: (loaded: MerchantCredential) => refusals.flatMap((find) => find(loaded)),
    publicKeys,
    usesCertificates,
    publicKeyShare: platform.publicKeyShare ?? 100,
    notifyUrl: resolveNotifyUrl(given.notifyUrl, collect),
    origins: resolveOrigins(given, collect),
    ...resolveCalls(http),
    transport: resolveTransport(http, environment.nowMs, collect),
    presentsCertificate,
    store: given.store,
    inbox: given.inbox,
    queue: given.queue,
    renewal: checkRenewal(given.renewal ?? {}, collect),
    graceMs: given.renewal?.graceMs ?? RENEWAL.defaultGraceMs,
    previousKeyMs: given.renewal?.previousKeyMs ?? RENEWAL.defaultPreviousKeyMs,
  };
  if (problems.length > 0 || !credential) throw new WechatPayConfigurationError(problems);
  return { ...resolved, credential };
}

function resolveCredential(
  mchid: string,
  credential: WechatPayCredentialOptions | CredentialSource | undefined,
  nowMs: number,
  collect: Collect,
): CredentialSource | MerchantCredential | undefined {
  if (typeof credential !== 'object' || credential === null) {
    collect('credential is missing: give { privateKey, certificate or serialNo, apiV3Key }');
    return undefined;
  }
  if ('load' in credential) {
    if (typeof credential.load === 'function') return credential;
    collect('credential.load is not a function: a CredentialSource has load(signal)');
    return undefined;
  }
  const { apiV3Key } = credential;
  const checked = checkCredential(
    mchid,
    {
      ...credential,
      apiV3Keys: [apiV3Key ?? []].flat(),
    },
    nowMs,
  );
  if ('credential' in checked) return checked.credential;
  for (const problem of checked.problems) collect(problem);
  return undefined;
}

function resolvePublicKeys(platform: WechatPayPlatformOptions, collect: Collect): PlatformKey[] {
  const list = platform.publicKey === undefined ? [] : [platform.publicKey].flat();
  if (new Set(list.map((entry) => entry?.id)).size < list.length) {
    collect('platform.publicKey holds two keys with the same id (微信支付公钥ID)');
  }
  return list.flatMap((entry) => {
    const { id = '', key = '' } = (entry ?? {}) as Partial<WechatPayPublicKeyOptions>;
    if (typeof id !== 'string' || !isPublicKeyId(id)) {
      collect('platform.publicKey.id (微信支付公钥ID) must look like PUB_KEY_ID_0123…');
      return [];
    }
    try {
      return [publicKeyEntry(id, parsePublicKey(key))];
    } catch (error) {
      collect(`platform.publicKey.key (微信支付公钥) ${checkMessageOf(error)}`);
      return [];
    }
  });
}

function resolveAppids(appid: WechatPayOptions['appid'], collect: Collect): Record<string, string> {
  const appids = typeof appid === 'string' ? { default: appid } : { ...appid };
  for (const [name, value] of Object.entries(appids)) {
    if (typeof value !== 'string' || !/^[0-9A-Za-z_-]{1,32}$/.test(value))
      collect(`appid "${name}" is not an appid such as wx…`);
  }
  return appids;
}

function resolveNotifyUrl(value: string | undefined, collect: Collect): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    collect('notifyUrl (回调地址) is not an absolute URL');
  else if (/[?#]/.test(value)) {
    collect('notifyUrl (回调地址) must not have a query: the platform refuses it');
  } else if (value.length > 256) collect('notifyUrl (回调地址) is longer than 256 characters');
  return value;
}

function resolveOrigins(options: Partial<WechatPayOptions>, collect: Collect): string[] {
  const { baseUrl, backupUrl } = options;
  const backup = backupUrl ?? (baseUrl === undefined ? DEFAULT_BACKUP_URL : false);
  const named: [string, string | false][] = [
    ['baseUrl', baseUrl ?? DEFAULT_BASE_URL],
    ['backupUrl', backup],
  ];
  return named.flatMap(([name, value]) => {
    if (value === false) return [];
    try {
      return [parseBaseUrl(value)];
    } catch (error) {
      collect(`${name} ${checkMessageOf(error)}`);
      return [];
    }
  });
}

function checkRenewal(renewal: RenewalOptions, collect: Collect): RenewalOptions {
  if (renewal.everyMs !== undefined && renewal.cron !== undefined) {
    collect('renewal.everyMs and renewal.cron exclude each other');
  }
  const { cron } = renewal;
  if (cron !== undefined && !validateCronExpression(cron).valid) {
    collect('renewal.cron is not a cron expression such as 0 17 3,9,15,21 * * *');
  }
  return renewal;
}
