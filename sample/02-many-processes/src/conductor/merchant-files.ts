import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A key pair as it comes from the merchant platform (商户平台). */
export interface KeyPair {
  readonly privateKey: string;
  readonly certificate: string;
}

/**
 * The folder that all shops read their credential from: a mounted secret, or what your deployment
 * copies to each machine.
 */
export class MerchantFiles {
  private constructor(readonly folder: string) {}

  static async create(folder: string, pair: KeyPair, apiV3Key: string): Promise<MerchantFiles> {
    await mkdir(folder, { mode: 0o700 });
    const files = new MerchantFiles(folder);
    await files.put('apiv3.key', apiV3Key);
    await files.replace(pair);
    return files;
  }

  /** Each file appears whole. For a moment key and certificate do not match: no shop takes that. */
  async replace({ privateKey, certificate }: KeyPair): Promise<void> {
    await this.put('apiclient_key.pem', privateKey);
    await this.put('apiclient_cert.pem', certificate);
  }

  private async put(name: string, content: string): Promise<void> {
    const draft = join(this.folder, `.${randomUUID()}`);
    await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
    await rename(draft, join(this.folder, name));
  }
}
