import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { describeWithChromium } from '../support/requires.js';
import { RunningShop } from './running-shop.js';

const screenshots = join(process.cwd(), 'artifacts', 'screenshots');
const launchArgs = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const sizes = {
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
} as const;
type Size = keyof typeof sizes;

const texts = {
  'zh-CN': { waiting: '等待付款', paid: '已支付', refunded: '已退款', confirm: '立即支付' },
  'en-US': {
    waiting: 'Waiting for payment',
    paid: 'Paid',
    refunded: 'Refunded',
    confirm: 'Pay now',
  },
} as const;
type Language = keyof typeof texts;

const patienceMs = 10_000;

/** Runs in the page: the width of the QR code once it has been decoded. */
const drawnWidth = `(async () => {
  const image = document.querySelector('[data-testid="qr"]');
  await image.decode();
  return image.naturalWidth;
})()`;

describeWithChromium('The shop in a browser', (executablePath) => {
  let browser: Browser;
  let shop: RunningShop;

  beforeAll(async () => {
    mkdirSync(screenshots, { recursive: true });
    shop = await RunningShop.start({ refundDelayMs: 300 });
    browser = await chromium.launch({ executablePath, args: launchArgs });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await shop?.close();
  });

  async function inBrowser(
    size: Size,
    locale: Language,
    run: (page: Page, context: BrowserContext, complaints: string[]) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext({ ...sizes[size], locale });
    context.setDefaultTimeout(patienceMs);
    const complaints: string[] = [];
    context.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    context.on('weberror', ({ error }) => complaints.push(String(error())));
    const page = await context.newPage();
    try {
      await page.goto(shop.url);
      await page.getByTestId('product-tea').waitFor();
      await run(page, context, complaints);
    } finally {
      await context.close();
    }
  }

  /** Waits for the state to be shown; nothing may stick out of the page then. */
  async function expectState(page: Page, state: string, text: string): Promise<void> {
    const heading = page.locator(`[data-testid="order-state"][data-state="${state}"]`);
    await heading.filter({ hasText: text }).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  }

  async function openOrder(page: Page): Promise<string> {
    await page.getByTestId('buy-tea').click();
    await page.getByTestId('qr').waitFor();
    return (await page.getByTestId('order-number').textContent()) ?? '';
  }

  const cases: [Size, Language][] = [
    ['phone', 'zh-CN'],
    ['phone', 'en-US'],
    ['desktop', 'zh-CN'],
    ['desktop', 'en-US'],
  ];

  it.each(cases)(
    'sells, is paid and refunds on a %s in %s',
    async (size, language) => {
      await inBrowser(size, language, async (page, context, complaints) => {
        const text = texts[language];
        const shoot = (name: string) =>
          page.screenshot({
            path: join(screenshots, `${size}-${language}-${name}.png`),
            fullPage: true,
            animations: 'disabled',
          });
        expect(await page.evaluate('document.documentElement.lang')).toBe(
          language === 'zh-CN' ? 'zh-CN' : 'en',
        );
        await shoot('1-catalogue');

        await page.getByTestId('quantity-tea').fill('2');
        await page.getByTestId('buy-tea').click();
        await expectState(page, 'NOTPAY', text.waiting);
        expect(await page.getByTestId('amount').textContent()).toBe('¥136.00');
        expect(await page.evaluate(drawnWidth)).toBeGreaterThan(0);
        await shoot('2-waiting');

        const outTradeNo = (await page.getByTestId('order-number').textContent()) ?? '';
        const { payerUrl } = await shop.read(outTradeNo);
        const image = page.getByTestId('qr');
        expect(await image.getAttribute('src')).toBe(`/orders/${outTradeNo}/qr.svg`);
        const openedByCode = context.waitForEvent('page');
        await image.click();
        const scanned = await openedByCode;
        await scanned.getByRole('button', { name: text.confirm }).waitFor();
        expect(scanned.url()).toBe(`${payerUrl}&lang=${language.slice(0, 2)}`);
        await scanned.close();

        const opened = context.waitForEvent('page');
        await page.getByTestId('payer-link').click();
        const payer = await opened;
        await payer.getByRole('button', { name: text.confirm }).click();
        await expectState(page, 'SUCCESS', text.paid);
        await shoot('3-paid');
        await payer.close();

        await page.getByTestId('refund').click();
        await expectState(page, 'REFUND', text.refunded);
        await shoot('4-refunded');
        expect(complaints).toEqual([]);
      });
    },
    60_000,
  );

  it('changes its language on the way and remembers it', async () => {
    await inBrowser('desktop', 'en-US', async (page, _context, complaints) => {
      await page.getByTestId('quantity-mug').fill('3');
      await page.getByTestId('language').click();
      await page.getByRole('heading', { name: '粗陶马克杯' }).waitFor();
      expect(await page.getByTestId('quantity-mug').inputValue()).toBe('3');
      await openOrder(page);
      await expectState(page, 'NOTPAY', '等待付款');
      await page.reload();
      await expectState(page, 'NOTPAY', '等待付款');
      expect(await page.title()).toContain('等待付款');
      expect(complaints).toEqual([]);
    });
  });

  it('is used with the keyboard, and says aloud that the order is paid', async () => {
    await inBrowser('desktop', 'en-US', async (page) => {
      await page.getByTestId('buy-postcard').focus();
      await page.keyboard.press('Enter');
      await expectState(page, 'NOTPAY', 'Waiting for payment');
      expect(await page.evaluate('document.activeElement.id')).toBe('heading');
      const outTradeNo = (await page.getByTestId('order-number').textContent()) ?? '';
      shop.emulator.pay(outTradeNo);
      await expectState(page, 'SUCCESS', 'Paid');
      expect(await page.getByRole('status').first().textContent()).toBe('Paid');
      expect(await page.evaluate('document.activeElement.id')).toBe('heading');
    });
  });

  it('keeps a quantity from 1 to 99', async () => {
    await inBrowser('phone', 'en-US', async (page) => {
      const quantity = page.getByTestId('quantity-tea');
      for (const [typed, kept] of [
        ['0', '1'],
        ['250', '99'],
        ['', '1'],
        ['2.7', '2'],
      ] as const) {
        await quantity.fill(typed);
        await quantity.blur();
        expect(await quantity.inputValue()).toBe(kept);
      }
    });
  });

  it('says so when an order fails, and takes the next one', async () => {
    await inBrowser('phone', 'en-US', async (page) => {
      shop.emulator.addFault({ match: 'POST /v3/pay/', kind: 'status-500', times: 9 });
      await page.getByTestId('buy-tea').click();
      await page.getByRole('alert').getByText('nothing was charged').waitFor();
      shop.emulator.clearFaults();
      await openOrder(page);
      expect(await page.getByTestId('notice').isHidden()).toBe(true);
    });
  });

  it('says so when the shop cannot be reached', async () => {
    await inBrowser('phone', 'zh-CN', async (page, context) => {
      await context.setOffline(true);
      await page.getByTestId('buy-tea').click();
      await page.getByRole('alert').getByText('连不上商店的服务器').waitFor();
      await context.setOffline(false);
      await openOrder(page);
    });
  });

  it('says so when there is no such order', async () => {
    await inBrowser('desktop', 'en-US', async (page) => {
      await page.goto(`${shop.url}/#/orders/UNKNOWN123`);
      await page.getByRole('alert').getByText('No such order').waitFor();
      await page.getByRole('link', { name: 'Back to the shop' }).click();
      await page.getByTestId('product-tea').waitFor();
    });
  });

  it('treats what the shop says as text', async () => {
    await inBrowser('desktop', 'en-US', async (page, _context, complaints) => {
      const name = '<img src=x onerror=document.title=1>';
      await page.route('**/products', (route) =>
        route.fulfill({ json: [{ sku: 'x<b>', name, priceFen: 1 }] }),
      );
      await page.reload();
      await page.getByRole('heading', { name }).waitFor();
      expect(complaints).toEqual([]);
    });
  });
});
