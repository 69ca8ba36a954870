import { DirectoryCertificateStore } from './certificates/index.js';
import { resolveOptions } from './context/index.js';
import { WechatPayConfigurationError } from './errors/index.js';
import {
  credentialFrom,
  fromFile,
  fromKms,
  isCiphertextText,
  MAX_SOURCE_BYTES,
  readSmallFileSync,
  UnreadableFile,
  type CredentialField,
  type CredentialSource,
  type KmsDecryptClient,
} from './merchant/index.js';
import type { WechatPayCredentialOptions, WechatPayOptions } from './wechat-pay.options.js';

/** What is shown of a path; the value of a `_FILE` variable may be the secret itself, by mistake. */
const PATH = /^(?:\.{0,2}\/|\.{0,2}\\|[A-Za-z]:[\\/])[^\s"']{0,200}$/;

/** Variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What an environment cannot say.
 *
 * @publicApi
 */
export interface WechatPayConfigClients {
  /** Decrypts the `_KMS` variables; `new KMS({})` of `@aws-sdk/client-kms`, or another by an adapter. */
  readonly kms?: KmsDecryptClient | undefined;
}

/** What one variable says, in whichever of its forms. */
interface Variable {
  /** The value, or what the file holds now. Nothing of a ciphertext. */
  readonly text: string | undefined;
  /** Where it comes from, when that may change or has to be asked. */
  readonly field?: CredentialField | undefined;
  readonly isEncrypted?: boolean;
}

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
    apiV3Key: credential.apiV3Key.text ?? [],
  };
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
  ['credential.apiV3Key', 'API_V3_KEY'],
  ['platform.publicKey.id', 'PUBLIC_KEY_ID'],
  ['platform.publicKey.key', 'PUBLIC_KEY'],
  ['notifyUrl', 'NOTIFY_URL'],
  ['baseUrl', 'BASE_URL'],
] as const;

function variableOf(problem: string): string | undefined {
  return VARIABLES.find(([path]) => problem.startsWith(path))?.[1];
}

type CredentialVariables = Readonly<Record<'privateKey' | 'certificate' | 'apiV3Key', Variable>>;

function sourceOf(variables: CredentialVariables, serialNo: string | undefined): CredentialSource {
  const { privateKey, certificate, apiV3Key } = variables;
  return credentialFrom({
    privateKey: privateKey.field ?? privateKey.text,
    certificate: certificate.field ?? certificate.text,
    serialNo,
    apiV3Key: apiV3Key.field ?? apiV3Key.text ?? '',
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

class VariableReader {
  readonly #prefix: string;
  readonly #environment: Environment;
  readonly #clients: WechatPayConfigClients;
  readonly #problems: string[];
  readonly #unreadable = new Set<string>();

  constructor(
    prefix: string,
    environment: Environment,
    clients: WechatPayConfigClients,
    problems: string[],
  ) {
    this.#prefix = prefix;
    this.#environment = environment;
    this.#clients = clients;
    this.#problems = problems;
  }

  /** Whether the file of a variable could not be read. */
  isUnreadable(name: string): boolean {
    return this.#unreadable.has(name);
  }

  /** A variable that has no other form. */
  plain(name: string): string | undefined {
    return this.#environment[`${this.#prefix}_${name}`]?.trim() || undefined;
  }

  /** A variable or the file that `_FILE` names, read once. */
  content(name: string): string | undefined {
    if (this.plain(`${name}_KMS`) !== undefined) {
      this.#problems.push(
        `${this.#prefix}_${name}_KMS is not supported: this is no secret, give it as it is`,
      );
    }
    this.#checkOne(name, ['', '_FILE']);
    return this.#read(name) ?? this.plain(name);
  }

  /** A variable of the credential: a value, a file or a ciphertext. */
  secret(name: string): Variable {
    this.#checkOne(name, ['', '_FILE', '_KMS']);
    const file = this.plain(`${name}_FILE`);
    const ciphertext = this.plain(`${name}_KMS`);
    const text = this.#read(name) ?? this.plain(name);
    if (file !== undefined) return { text, field: text === undefined ? undefined : fromFile(file) };
    if (ciphertext === undefined) return { text };
    return { text: undefined, field: this.#decrypted(name, ciphertext), isEncrypted: true };
  }

  #checkOne(name: string, forms: readonly string[]): void {
    const given = forms.filter((form) => this.plain(`${name}${form}`) !== undefined);
    if (given.length < 2) return;
    const names = given.map((form) => `${this.#prefix}_${name}${form}`);
    this.#problems.push(`${names.join(' and ')} are ${given.length === 2 ? 'both' : 'all'} set`);
  }

  #read(name: string): string | undefined {
    const file = this.plain(`${name}_FILE`);
    if (file === undefined) return undefined;
    try {
      return readSmallFileSync(file, MAX_SOURCE_BYTES).toString('utf8').trim();
    } catch (error) {
      const { code } = UnreadableFile.from(error, MAX_SOURCE_BYTES);
      this.#unreadable.add(name);
      const shown = PATH.test(file) ? file : 'the file';
      this.#problems.push(`${this.#prefix}_${name}_FILE: ${shown} cannot be read (${code})`);
      return undefined;
    }
  }

  #decrypted(name: string, ciphertext: string): CredentialField | undefined {
    const variable = `${this.#prefix}_${name}_KMS`;
    const { kms } = this.#clients;
    if (!isCiphertextText(ciphertext)) {
      this.#problems.push(
        `${variable} is not Base64: give the CiphertextBlob that the KMS encrypted it to`,
      );
      return undefined;
    }
    if (kms) return fromKms({ client: kms, ciphertext });
    this.#problems.push(
      `${variable} needs a KMS client: use wechatPayConfig.using({ kms: new KMS({}) }) in place of wechatPayConfig`,
    );
    return undefined;
  }
}
