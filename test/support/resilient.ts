import type { WechatPayHttpOptions } from 'nestjs-wechatpay';
import {
  merchantContext,
  testOptions,
  type ContextSettings,
  type TestContext,
} from './merchant-context.js';
import {
  publicKeyOption,
  publicKeySigner,
  RawPlatform,
  type Handler,
  type Reply,
} from './raw-platform.js';

const signer = publicKeySigner('platform');

/** A genuine answer. */
export const fine = (body = '{"ok":true}'): Reply => ({ body, signer });
/** An answer of another status, as the platform gives it. */
export const refusal = (status: number, headers: Record<string, string> = {}): Reply => ({
  status,
  headers,
  body: JSON.stringify({ code: status === 429 ? 'FREQUENCY_LIMITED' : 'SYSTEM_ERROR' }),
});
/** A connection that breaks once the request was read. */
export const broken = (): Reply => ({ write: (response) => response.socket?.resetAndDestroy() });
/** No answer at all. */
export const silence = (): Reply => ({ write: () => undefined });
/** A deliberate wrong signature (签名探测流量). */
export const probe = (): Reply => ({
  ...fine(),
  signature: { value: `WECHATPAY/SIGNTEST/${'A'.repeat(325)}` },
});

/** One after the other; the last one for all that follow. */
export function inTurn(...replies: (() => Reply)[]): Handler {
  let at = 0;
  return () => (replies[Math.min(at++, replies.length - 1)] ?? fine)();
}

/** A merchant with the retries of an application, and platforms to call. */
export class Resilient {
  private constructor(
    readonly platforms: readonly RawPlatform[],
    readonly context: TestContext,
  ) {}

  /** @param before a host to try before the platforms */
  static async start(
    http: WechatPayHttpOptions = {},
    handlers: readonly Handler[] = [() => fine()],
    settings: ContextSettings = {},
    before?: string,
  ): Promise<Resilient> {
    const platforms = await Promise.all(handlers.map((handler) => RawPlatform.start(handler)));
    const [primary, backup] = [...(before === undefined ? [] : [before]), ...urlsOf(platforms)];
    const context = merchantContext(
      testOptions({
        baseUrl: primary ?? '',
        ...(backup && { backupUrl: backup }),
        notifyUrl: 'https://shop.example/notify',
        appid: 'wx0000000000000001',
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: { retries: 2, ...http },
      }),
      settings,
    );
    return new Resilient(platforms, context);
  }

  get primary(): RawPlatform {
    const [first] = this.platforms;
    if (!first) throw new Error('no platform was started');
    return first;
  }

  async stop(): Promise<void> {
    await Promise.all(this.platforms.map((each) => each.close()));
    await this.context.end();
  }
}

function urlsOf(platforms: readonly RawPlatform[]): string[] {
  return platforms.map(({ url }) => url);
}
