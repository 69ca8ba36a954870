import {
  fromFile,
  fromKms,
  isCiphertextText,
  MAX_SOURCE_BYTES,
  readSmallFileSync,
  UnreadableFile,
  type CredentialField,
  type KmsDecryptClient,
} from './merchant/index.js';

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
export interface Variable {
  /** The value, or what the file holds now. Nothing of a ciphertext. */
  readonly text: string | undefined;
  /** Where it comes from, when that may change or has to be asked. */
  readonly field?: CredentialField | undefined;
  readonly isEncrypted?: boolean;
}

/** Reads the variables of one merchant, and gathers what is wrong with them. */
export class VariableReader {
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

  /** A whole number of milliseconds. */
  milliseconds(name: string): number | undefined {
    const text = this.plain(name);
    if (text === undefined || /^[0-9]{1,15}$/.test(text))
      return text === undefined ? undefined : Number(text);
    this.#problems.push(
      `${this.#prefix}_${name} must be a whole number of milliseconds, such as 21600000 for six hours`,
    );
    return undefined;
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
