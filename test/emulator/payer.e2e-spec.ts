import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { textsFor } from '../../emulator/lib/payer/texts.js';
import { darkModules, modulesOf } from '../support/qr.js';
import { Merchant, send, type RawAnswer } from './support/merchant.js';

describe('The payer page', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ merchant: { name: '茶铺 <b>"Tea"</b>' } });
    merchant = new Merchant(emulator);
  });

  afterAll(() => emulator.close());

  const open = (url: string, headers: Record<string, string> = {}): Promise<RawAnswer> => {
    const { pathname, search } = new URL(url, emulator.url);
    return send(emulator.url, {
      path: pathname + search,
      headers: { accept: 'text/html', ...headers },
    });
  };

  async function order(outTradeNo: string, changes: object = {}): Promise<string> {
    const { json } = await merchant.native(outTradeNo, { ...changes });
    return String(json['code_url']);
  }

  it('shows merchant, item and amount in yuan, in Chinese unless asked otherwise', async () => {
    const url = emulator.payerUrl(await order('PAGE-0001', { amount: { total: 123_405 } }));
    const chinese = await open(url);
    expect(chinese.status).toBe(200);
    expect(chinese.headers['content-type']).toBe('text/html; charset=utf-8');
    for (const text of ['lang="zh-CN"', '¥</span>1234.05', '测试商品', 'PAGE-0001', '立即支付']) {
      expect(chinese.text).toContain(text);
    }
    const english = await open(url, { 'accept-language': 'en-GB,en;q=0.9,zh;q=0.8' });
    expect(english.text).toContain('Pay now');
    expect((await open(`${url}&lang=zh`, { 'accept-language': 'en' })).text).toContain('立即支付');
    expect((await open(`${url}&lang=en`)).text).toContain('lang="en"');
  });

  it('escapes whatever a merchant or a stranger writes', async () => {
    const code = await order('PAGE-0002', { description: `"><script>alert('1')</script>` });
    const page = (await open(emulator.payerUrl(code))).text;
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;');
    expect(page).toContain('茶铺 &lt;b&gt;&quot;Tea&quot;&lt;/b&gt;');
    const missing = await open(
      '/emulator/payer?code_url=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E',
    );
    expect(missing.text).toContain('没有找到订单');
    expect(missing.text).not.toContain('<img');
  });

  it('runs no script but its own and sits in nobody’s frame', async () => {
    const { headers, text } = await open('/emulator/payer');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers['x-frame-options']).toBe('DENY');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(text).not.toMatch(/\son\w+=|style="|<script>/);
  });

  it('has a start page that says so while there is nothing yet', async () => {
    const fresh = await WechatPayEmulator.start();
    try {
      const headers = { accept: 'text/html' };
      const { text } = await send(fresh.url, { path: '/emulator/?lang=en', headers });
      expect(text).toContain(textsFor('en').noOrders);
      expect(text).toContain(textsFor('en').noNotifications);
    } finally {
      await fresh.close();
    }
  });

  it('shows how the order stands', async () => {
    const url = emulator.payerUrl(await order('PAGE-0003'));
    emulator.pay('PAGE-0003');
    const refunded = emulator.payerUrl(await order('PAGE-0009'));
    emulator.pay('PAGE-0009');
    await merchant.post('/v3/refund/domestic/refunds', {
      out_trade_no: 'PAGE-0009',
      out_refund_no: 'PAGE-R-1',
      amount: { refund: 1, total: 100, currency: 'CNY' },
    });
    expect((await open(refunded)).text).toContain(textsFor('zh').refunded);
    const paid = await open(url);
    expect(paid.text).toContain('支付成功');
    expect(paid.text).not.toContain('id="pay"');
    const closed = emulator.payerUrl(await order('PAGE-0004'));
    await merchant.post('/v3/pay/transactions/out-trade-no/PAGE-0004/close', {
      mchid: merchant.mchid,
    });
    expect((await open(closed)).text).toContain('订单已关闭');
  });

  it.each([
    ['native', '二维码已过期', '2 小时', 'Code expired', '2 hours', {}],
    [
      'jsapi',
      '支付请求已过期',
      '2 小时',
      'Payment expired',
      '2 hours',
      { payer: { openid: 'oUpF8uMuAJO' } },
    ],
    ['app', '支付请求已过期', '2 小时', 'Payment expired', '2 hours', {}],
    [
      'h5',
      '支付链接已过期',
      '5 分钟',
      'Payment link expired',
      '5 minutes',
      { scene_info: { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } } },
    ],
  ])(
    'says of a %s order that is too old to pay what is over, and how long it was good',
    async (product, title, life, englishTitle, englishLife, more) => {
      const body = { ...merchant.order(`PAGE-OLD-${product}`), ...more };
      const { json } = await merchant.post(`/v3/pay/transactions/${product}`, body);
      const { code_url: code, prepay_id: prepay, h5_url: h5 } = json;
      const url =
        typeof h5 === 'string'
          ? h5
          : typeof code === 'string'
            ? emulator.payerUrl(code)
            : `/emulator/payer?prepay_id=${String(prepay)}`;
      expect((await open(url)).text).toContain('id="pay"');
      const minutes = product === 'h5' ? 5 : 120;
      emulator.setClock({ offsetMs: minutes * 60_000 });
      try {
        const chinese = (await open(url)).text;
        expect(chinese).toContain(title);
        expect(chinese).toContain(`有效期为 ${life}，请回到商户页面重新下单`);
        expect(chinese).not.toContain('id="pay"');
        const english = (await open(url, { 'accept-language': 'en' })).text;
        expect(english).toContain(englishTitle);
        expect(english).toContain(`is good for ${englishLife}. Order again`);
      } finally {
        emulator.setClock({ offsetMs: 0 });
      }
    },
  );

  it('is where h5_url leads, with a way back that is a web address', async () => {
    const scene = { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } };
    const body = { ...merchant.order('PAGE-H5-1'), scene_info: scene };
    const { json } = await merchant.post('/v3/pay/transactions/h5', body);
    const h5 = String(json['h5_url']);
    expect((await open(h5)).text).toContain('PAGE-H5-1');
    const back = await open(
      `${h5}&redirect_url=${encodeURIComponent('https://shop.example/done?a=1')}`,
    );
    expect(back.text).toContain('href="https://shop.example/done?a=1"');
    const evil = await open(`${h5}&redirect_url=${encodeURIComponent('javascript:alert(1)')}`);
    expect(evil.text).not.toContain('javascript:');
  });

  it('posts to the control interface what its button carries', async () => {
    const code = await order('PAGE-0006');
    const page = (await open(emulator.payerUrl(code))).text;
    const [, escaped = ''] = /data-order="([^"]*)"/.exec(page) ?? [];
    const body = escaped.replaceAll('&quot;', '"');
    expect(JSON.parse(body)).toEqual({ code_url: code });
    const answer = await send(emulator.url, {
      method: 'POST',
      path: '/emulator/pay',
      headers: { 'content-type': 'application/json', origin: emulator.url },
      body,
    });
    expect(answer.json['out_trade_no']).toBe('PAGE-0006');
  });

  it('has a start page with orders, notifications and the interface, without secrets', async () => {
    await order('PAGE-0007');
    const page = await open('/emulator/?lang=en');
    for (const text of [
      'PAGE-0007',
      'Recent notifications',
      'POST /emulator/faults',
      emulator.keys.signing,
    ]) {
      expect(page.text).toContain(text);
    }
    expect(page.text).not.toContain(emulator.apiV3Key);
  });

  it('calls itself 模拟平台 on every page, and says that no money moves', async () => {
    const unpaid = emulator.payerUrl(await order('PAGE-0009'));
    const paid = emulator.payerUrl(await order('PAGE-0010'));
    emulator.pay('PAGE-0010');
    for (const path of ['/emulator/?', '/emulator/payer?code_url=none', unpaid, paid]) {
      const chinese = await open(`${path}&lang=zh`);
      expect(chinese.text).toContain('微信支付模拟平台 · 仅供开发测试，不会真实扣款');
      expect(chinese.text).not.toContain('模拟器');
      const english = await open(`${path}&lang=en`);
      expect(english.text).toContain('WeChat Pay emulator · for tests, no money moves');
    }
  });

  it('draws a QR code of its own addresses only', async () => {
    const code = await order('PAGE-0008');
    const drawn = await open(`/emulator/qr?text=${encodeURIComponent(code)}`);
    expect(drawn.headers['content-type']).toContain('image/svg+xml');
    expect(darkModules(drawn.text)).toEqual(modulesOf(code));
    const page = emulator.payerUrl(code);
    const other = await open(`/emulator/qr?text=${encodeURIComponent(page)}`);
    expect(darkModules(other.text)).toEqual(modulesOf(page));
    expect((await open('/emulator/qr?text=https%3A%2F%2Fevil.example')).status).toBe(404);
    expect((await open('/emulator/qr')).status).toBe(404);
  });

  it.each([
    ['/emulator/assets/style.css', 'text/css'],
    ['/emulator/assets/payer.js', 'text/javascript'],
  ])('serves %s', async (path, type) => {
    const { status, headers } = await open(path, { 'sec-fetch-site': 'same-origin' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe(`${type}; charset=utf-8`);
  });
});
