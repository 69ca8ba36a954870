import type { NestExpressApplication } from '@nestjs/platform-express';
import { WechatPayEmulator, type WechatPayEmulatorOptions } from 'nestjs-wechatpay-emulator';
import { createShop } from '../../sample/01-quick-start/src/shop.js';
import { freePorts } from '../support/ports.js';

/** An order as `GET /orders/:outTradeNo` shows it. */
export interface ShownOrder {
  readonly outTradeNo: string;
  readonly codeUrl: string;
  readonly amountFen: number;
  readonly state: string;
  readonly transactionId?: string;
  readonly refund?: string;
  readonly payerUrl?: string;
}

/** The shop of the quick start and the emulator it talks to, both in this process. */
export class RunningShop {
  private constructor(
    readonly url: string,
    readonly emulator: WechatPayEmulator,
    readonly app: NestExpressApplication,
  ) {}

  static async start(options: WechatPayEmulatorOptions = {}): Promise<RunningShop> {
    const emulator = await WechatPayEmulator.start({ port: 0, refundDelayMs: 50, ...options });
    // The notify URL holds the port, so it must be known before the shop listens.
    const [port] = await freePorts();
    const url = `http://127.0.0.1:${port}`;
    Object.assign(process.env, environment(emulator, url));
    const app = await createShop({ logger: false });
    await app.listen(port, '127.0.0.1');
    return new RunningShop(url, emulator, app);
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.emulator.close();
  }

  /** Any request; the body of the answer is JSON, or text. */
  async call(method: string, path: string, body?: unknown) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as unknown) : text,
    };
  }

  async order(sku = 'tea', quantity = 1): Promise<ShownOrder> {
    const { body } = await this.call('POST', '/orders', { sku, quantity });
    return body as ShownOrder;
  }

  async read(outTradeNo: string): Promise<ShownOrder> {
    return (await this.call('GET', `/orders/${outTradeNo}`)).body as ShownOrder;
  }

  /** Reads the order's events until one fits; gives all that came, the fitting one last. */
  async follow(outTradeNo: string, fits: (order: ShownOrder) => boolean): Promise<ShownOrder[]> {
    const seen: ShownOrder[] = [];
    const response = await fetch(`${this.url}/orders/${outTradeNo}/events`, {
      signal: AbortSignal.timeout(10_000),
    });
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const messages = text.split('\n\n');
      text = messages.pop() ?? '';
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1];
        if (data === undefined) continue;
        const order = JSON.parse(data) as ShownOrder;
        seen.push(order);
        if (fits(order)) return seen;
      }
    }
    throw new Error(`the events ended early: ${JSON.stringify(seen)}`);
  }

  /** Posts a notification made by the emulator's `createNotification`. */
  async notify(notification: ReturnType<WechatPayEmulator['createNotification']>) {
    const response = await fetch(`${this.url}/wechatpay/notify`, {
      method: 'POST',
      headers: notification.headers,
      body: notification.body.toString('utf8'),
    });
    return { status: response.status, body: await response.text() };
  }
}

function environment(emulator: WechatPayEmulator, url: string): Record<string, string> {
  const { mchid, appid, credential, platform } = emulator.options();
  return {
    EMULATOR_URL: emulator.url,
    WECHATPAY_BASE_URL: emulator.url,
    WECHATPAY_NOTIFY_URL: `${url}/wechatpay/notify`,
    WECHATPAY_MCHID: mchid,
    WECHATPAY_APPID: appid,
    WECHATPAY_API_V3_KEY: credential.apiV3Key,
    WECHATPAY_PRIVATE_KEY: credential.privateKey,
    WECHATPAY_CERTIFICATE: credential.certificate,
    WECHATPAY_PUBLIC_KEY_ID: platform.publicKey?.id ?? '',
    WECHATPAY_PUBLIC_KEY: platform.publicKey?.key ?? '',
    WECHATPAY_PLATFORM_CERTIFICATES: 'on',
  };
}
