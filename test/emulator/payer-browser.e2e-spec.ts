import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { chromium, type Browser, type Page } from 'playwright-core';
import { describeWithChromium } from '../support/requires.js';
import { Merchant } from './support/merchant.js';

describeWithChromium('The payer page in a browser', (executablePath) => {
  let browser: Browser;
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let count = 0;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await emulator?.close();
  });

  async function order(): Promise<{ outTradeNo: string; url: string }> {
    const outTradeNo = `BROWSER-${String((count += 1)).padStart(4, '0')}`;
    const { json } = await merchant.native(outTradeNo);
    return { outTradeNo, url: emulator.payerUrl(String(json['code_url'])) };
  }

  async function withPage(
    width: number,
    run: (page: Page) => Promise<void>,
    locale = 'zh-CN',
  ): Promise<void> {
    const context = await browser.newContext({ viewport: { width, height: 844 }, locale });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    try {
      await run(page);
      expect(errors).toEqual([]);
    } finally {
      await context.close();
    }
  }

  const stateOf = async (outTradeNo: string) =>
    (await merchant.query(outTradeNo)).json['trade_state'];

  it.each([390, 1280])(
    'pays with one click, %d pixels wide, and nothing sticks out',
    async (width) => {
      const { outTradeNo, url } = await order();
      await withPage(width, async (page) => {
        await page.goto(url);
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(
          true,
        );
        await page.getByRole('button', { name: '立即支付' }).click();
        await page.getByRole('heading', { name: '支付成功' }).waitFor();
        expect(await stateOf(outTradeNo)).toBe('SUCCESS');
      });
    },
  );

  it('leaves the order unpaid when the payer cancels', async () => {
    const { outTradeNo, url } = await order();
    await withPage(
      390,
      async (page) => {
        await page.goto(url);
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('heading', { name: 'Payment cancelled' }).waitFor();
        expect(await stateOf(outTradeNo)).toBe('NOTPAY');
      },
      'en-US',
    );
  });

  it('changes its language without losing the order, and says why it cannot pay', async () => {
    const { outTradeNo, url } = await order();
    await withPage(390, async (page) => {
      await page.goto(url);
      await page.getByRole('link', { name: 'English' }).click();
      await page.getByRole('button', { name: 'Pay now' }).waitFor();
      await merchant.post(`/v3/pay/transactions/out-trade-no/${outTradeNo}/close`, {
        mchid: merchant.mchid,
      });
      await page.getByRole('button', { name: 'Pay now' }).click();
      await page.getByText('This order is closed or has expired').waitFor();
    });
  });

  it('says that the code has expired when it was open for too long', async () => {
    const { outTradeNo, url } = await order();
    await withPage(390, async (page) => {
      await page.goto(url);
      emulator.setClock({ offsetMs: 2 * 3_600_000 });
      try {
        await page.getByRole('button', { name: '立即支付' }).click();
        await page.getByText('二维码已过期 二维码的有效期为 2 小时').waitFor();
        expect(await stateOf(outTradeNo)).toBe('NOTPAY');
      } finally {
        emulator.setClock({ offsetMs: 0 });
      }
    });
  });

  describe('with somebody else’s page open', () => {
    let stranger: Server;
    let strangerUrl: string;

    beforeAll(async () => {
      stranger = createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<body>hello</body>');
      });
      await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
      strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    });

    afterAll(() => {
      stranger?.close();
      stranger?.closeAllConnections();
    });

    it('is not paid by fetch, form or frame', async () => {
      const { outTradeNo, url } = await order();
      const target = `${emulator.url}/emulator/orders/${outTradeNo}/pay`;
      await withPage(800, async (page) => {
        await page.goto(strangerUrl);
        await page.evaluate(`(async () => {
          const types = ['application/json', 'text/plain'];
          for (const mode of ['no-cors', 'cors']) for (const type of types) {
            await fetch(${JSON.stringify(target)}, { method: 'POST', mode, headers: { 'content-type': type }, body: '{}' }).catch(() => 0);
          }
        })()`);
        const framed = await page.evaluate(`new Promise((resolve) => {
          const frame = document.createElement('iframe');
          frame.src = ${JSON.stringify(url)};
          frame.onload = () => { try { resolve(frame.contentDocument === null ? 'refused' : 'open'); } catch { resolve('refused'); } };
          document.body.append(frame);
        })`);
        expect(framed).toBe('refused');
        const shown = page.frames().find((frame) => frame !== page.mainFrame());
        expect(await shown?.locator('#pay').count()).toBe(0);
        await page.evaluate(`(() => {
          const form = document.createElement('form');
          form.method = 'post'; form.enctype = 'text/plain'; form.action = ${JSON.stringify(target)};
          document.body.append(form); form.submit();
        })()`);
        await page.waitForURL(target);
      });
      expect(await stateOf(outTradeNo)).toBe('NOTPAY');
    });
  });
});
