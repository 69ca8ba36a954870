import { DirectoryCertificateStore } from './certificates/index.js';
import { resolveOptions } from './context/index.js';
import { WechatPayConfigurationError } from './errors/index.js';
import { credentialFrom, type CredentialSource } from './merchant/index.js';
import type { WechatPayCredentialOptions, WechatPayOptions } from './wechat-pay.options.js';
import {
  VariableReader,
  type Environment,
  type Variable,
  type WechatPayConfigClients,
} from './wechat-pay.variables.js';

/** Stands for an APIv3 key that only the KMS knows, where the others are checked. */
const UNKNOWN_KEY = '0'.repeat(32);

/**
 * Reads the options of one merchant from environment variables. Each variable of a key may name a file
 * with `_FILE`; those of the credential may hold a ciphertext of a KMS with `_KMS`. A credential of
 * values only is checked later, when the module is created; files are read and checked now, and watched
 * from then on.
 *
 * @param prefix `WECHATPAY`, or `WECHATPAY_SHOP_B` for the merchant `shop-b`
 * @throws {WechatPayConfigurationError} when a file cannot be read, holds something unusable, or a
 * variable contradicts another
 */
export function readEnvironment(
  prefix: string,
  environment: Environment,
  clients: WechatPayConfigClients = {},
): WechatPayOptions {
  if (!Object.keys(environment).some((name) => name.startsWith(`${prefix}_`))) {
    throw new WechatPayConfigurationError([
      `no variable ${prefix}_… is set: load them before, as ConfigModule.forRoot() does with the file .env`,
    ]);
  }
  const problems: string[] = [];
  const reader = new VariableReader(prefix, environment, clients, problems);
  const credential = {
    privateKey: reader.secret('PRIVATE_KEY'),
    certificate: reader.secret('CERTIFICATE'),
    apiV3Key: reader.secret('API_V3_KEY'),
    previousApiV3Key: reader.secret('PREVIOUS_API_V3_KEY'),
  };
  const publicKeyId = reader.plain('PUBLIC_KEY_ID');
  const publicKey = reader.content('PUBLIC_KEY');
  if ((publicKeyId === undefined) !== (publicKey === undefined)) {
    problems.push(
      `${prefix}_PUBLIC_KEY_ID and ${prefix}_PUBLIC_KEY (or _FILE) are needed together`,
    );
  }
  const switched = reader.plain('PLATFORM_CERTIFICATES');
  if (switched !== undefined && switched !== 'on' && switched !== 'off') {
    problems.push(`${prefix}_PLATFORM_CERTIFICATES must be on or off`);
  }
  const storeDirectory = reader.plain('STORE_DIR');
  const serialNo = reader.plain('SERIAL_NO');
  const values: WechatPayCredentialOptions = {
    privateKey: credential.privateKey.text ?? '',
    certificate: credential.certificate.text,
    serialNo,
    apiV3Key: apiV3KeysOf(credential),
  };
  const everyMs = reader.milliseconds('RENEWAL_EVERY_MS');
  const cron = reader.plain('RENEWAL_CRON');
  if (cron !== undefined && everyMs !== undefined) {
    problems.push(`${prefix}_RENEWAL_CRON and ${prefix}_RENEWAL_EVERY_MS are both set`);
  }
  const options: WechatPayOptions = {
    mchid: reader.content('MCHID') ?? '',
    appid: reader.content('APPID'),
    credential: values,
    platform: {
      certificates: switched === undefined ? undefined : switched === 'on',
      publicKey:
        publicKeyId !== undefined && publicKey !== undefined
          ? { id: publicKeyId, key: publicKey }
          : undefined,
    },
    notifyUrl: reader.plain('NOTIFY_URL'),
    baseUrl: reader.plain('BASE_URL'),
    renewal: cron !== undefined ? { cron } : everyMs !== undefined ? { everyMs } : undefined,
    store: storeDirectory === undefined ? undefined : new DirectoryCertificateStore(storeDirectory),
  };
  const isSource = Object.values(credential).some(({ field }) => field !== undefined);
  // A source is checked by nobody else at start.
  const found = isSource || problems.length > 0 ? problemsOf(options, credential) : [];
  const named = found.flatMap((problem) => {
    const variable = variableOf(problem);
    // What cannot be read is a problem already.
    if (variable !== undefined && reader.isUnreadable(variable)) return [];
    return variable === undefined ? problem : `${prefix}_${variable}: ${problem}`;
  });
  if (problems.length > 0 || named.length > 0) {
    throw new WechatPayConfigurationError([...problems, ...named], {
      title: 'The WECHATPAY_* environment variables are wrong',
    });
  }
  return isSource ? { ...options, credential: sourceOf(credential, serialNo) } : options;
}

/** Options by the variables that give them, the longer path first. */
const VARIABLES = [
  ['mchid', 'MCHID'],
  ['appid', 'APPID'],
  ['credential.privateKey', 'PRIVATE_KEY'],
  ['credential.certificate or ', undefined], // either variable would do
  ['credential.certificate', 'CERTIFICATE'],
  ['credential.serialNo', 'SERIAL_NO'],
  ['credential.apiV3Key[1]', 'PREVIOUS_API_V3_KEY'],
  ['credential.apiV3Key', 'API_V3_KEY'],
  ['platform.publicKey.id', 'PUBLIC_KEY_ID'],
  ['platform.publicKey.key', 'PUBLIC_KEY'],
  ['notifyUrl', 'NOTIFY_URL'],
  ['baseUrl', 'BASE_URL'],
  ['renewal.everyMs', 'RENEWAL_EVERY_MS'],
  ['renewal.cron', 'RENEWAL_CRON'],
] as const;

function variableOf(problem: string): string | undefined {
  return VARIABLES.find(([path]) => problem.startsWith(path))?.[1];
}

type CredentialVariables = Readonly<
  Record<'privateKey' | 'certificate' | 'apiV3Key' | 'previousApiV3Key', Variable>
>;

/** The current one first; of one that only the KMS knows, nothing or a stand-in. */
function apiV3KeysOf(variables: CredentialVariables): string | string[] {
  const { apiV3Key, previousApiV3Key: previous } = variables;
  if (previous.text === undefined) return apiV3Key.text ?? [];
  return [apiV3Key.text ?? (apiV3Key.isEncrypted ? UNKNOWN_KEY : ''), previous.text];
}

function sourceOf(variables: CredentialVariables, serialNo: string | undefined): CredentialSource {
  const { privateKey, certificate, apiV3Key, previousApiV3Key } = variables;
  const previous = previousApiV3Key.field ?? previousApiV3Key.text;
  return credentialFrom({
    privateKey: privateKey.field ?? privateKey.text,
    certificate: certificate.field ?? certificate.text,
    serialNo,
    apiV3Key: apiV3Key.field ?? apiV3Key.text ?? '',
    previousApiV3Keys: previous === undefined ? [] : [previous],
  });
}

/**
 * What the module would find wrong later: one start shows every problem. What only the KMS knows is
 * not among it.
 */
function problemsOf(options: WechatPayOptions, variables: CredentialVariables): readonly string[] {
  try {
    const isProduction = process.env['NODE_ENV'] === 'production';
    resolveOptions(options, { nowMs: Date.now(), isProduction });
    return [];
  } catch (error) {
    if (!(error instanceof WechatPayConfigurationError)) return [];
    const unknown = Object.entries(variables).flatMap(([name, { isEncrypted }]) =>
      isEncrypted ? [`credential.${name} `] : [],
    );
    // a certificate that nobody can see yet names its serial number itself
    if (variables.certificate.isEncrypted) unknown.push('credential.certificate or ');
    return error.problems.filter((problem) => !unknown.some((start) => problem.startsWith(start)));
  }
}
