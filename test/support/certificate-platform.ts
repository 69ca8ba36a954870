import {
  certificateList,
  RawPlatform,
  type ListEntry,
  type Reply,
  type TestSigner,
} from './raw-platform.js';
import { TEST_API_V3_KEY, TestClock } from './merchant-context.js';

/** A platform that lists certificates as it is told and signs everything else with one of them. */
export class CertificatePlatform {
  readonly clock = new TestClock();
  listed: readonly (TestSigner | ListEntry)[];
  /** Signs answers. */
  signer: TestSigner;
  /** Signs the list; `signer` when there is none. */
  listSigner: TestSigner | undefined;
  apiV3Key = TEST_API_V3_KEY;
  /** Replaces the answer to the download, or changes it. */
  download: ((reply: Reply) => Reply | Promise<Reply>) | undefined;

  private constructor(
    readonly raw: RawPlatform,
    signer: TestSigner,
  ) {
    this.listed = [signer];
    this.signer = signer;
    raw.handler = ({ target }) => this.answer(target);
  }

  static async start(signer: TestSigner): Promise<CertificatePlatform> {
    let now = Date.now;
    const raw = await RawPlatform.start(undefined, () => now());
    const platform = new CertificatePlatform(raw, signer);
    now = platform.clock.now;
    return platform;
  }

  get url(): string {
    return this.raw.url;
  }

  /** How many lists were downloaded. */
  get downloads(): number {
    return this.raw.count('/v3/certificates');
  }

  close(): Promise<void> {
    return this.raw.close();
  }

  private async answer(target: string): Promise<Reply> {
    if (target !== '/v3/certificates') return { body: '{"ok":true}', signer: this.signer };
    const reply = {
      body: certificateList(this.apiV3Key, this.listed),
      signer: this.listSigner ?? this.signer,
    };
    return this.download ? this.download(reply) : reply;
  }
}

/** What the platform says to a merchant without certificates. */
export const NO_CERTIFICATES: Reply = {
  status: 404,
  body: '{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。"}',
};
