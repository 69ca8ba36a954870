import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { darkModules, modulesOf } from '../support/qr.js';
import { RunningShop, type ShownOrder } from './running-shop.js';

const isPaid = ({ state }: ShownOrder) => state === 'SUCCESS';
const isRefunded = ({ state }: ShownOrder) => state === 'REFUND';

describe('The quick start shop', () => {
  let shop: RunningShop;

  beforeAll(async () => {
    shop = await RunningShop.start();
  });

  afterAll(async () => {
    await shop.close();
  });

  /** What the platform would send for this order. */
  function transaction({ outTradeNo, amountFen }: ShownOrder, overrides: object = {}) {
    return {
      mchid: shop.emulator.mchid,
      appid: shop.emulator.appid,
      out_trade_no: outTradeNo,
      transaction_id: '4200000000000000000000000001',
      trade_type: 'NATIVE',
      trade_state: 'SUCCESS',
      success_time: '2026-01-01T12:00:00+08:00',
      payer: { openid: 'oEmulatorPayer' },
      amount: { total: amountFen, payer_total: amountFen, currency: 'CNY', payer_currency: 'CNY' },
      ...overrides,
    };
  }

  async function paidOrder(): Promise<ShownOrder> {
    const { outTradeNo } = await shop.order();
    shop.emulator.pay(outTradeNo);
    const [paid] = (await shop.follow(outTradeNo, isPaid)).slice(-1);
    if (!paid) throw new Error('not paid');
    return paid;
  }

  it('lists its products', async () => {
    const { status, body } = await shop.call('GET', '/products');
    expect(status).toBe(200);
    expect(body).toEqual(
      expect.arrayContaining([{ sku: 'tea', name: '龙井春茶', priceFen: 6800 }]),
    );
  });

  it('takes an order', async () => {
    const { status, body } = await shop.call('POST', '/orders', { sku: 'tea', quantity: 3 });
    expect(status).toBe(201);
    expect(body).toEqual({
      outTradeNo: expect.stringMatching(/^[0-9A-Za-z]{20,32}$/),
      codeUrl: expect.stringMatching(/^weixin:\/\//),
      amountFen: 20_400,
    });
    const { outTradeNo, codeUrl } = body as ShownOrder;
    const order = await shop.read(outTradeNo);
    expect(order).toMatchObject({ state: 'NOTPAY', sku: 'tea', quantity: 3, amountFen: 20_400 });
    expect(order.payerUrl).toBe(shop.emulator.payerUrl(codeUrl));
  });

  it.each([
    [404, { sku: 'yacht', quantity: 1 }],
    [404, { sku: '__proto__', quantity: 1 }],
    [404, { quantity: 1 }],
    [404, undefined],
    [400, { sku: 'tea' }],
    [400, { sku: 'tea', quantity: 0 }],
    [400, { sku: 'tea', quantity: 100 }],
    [400, { sku: 'tea', quantity: 1.5 }],
    [400, { sku: 'tea', quantity: '1' }],
    [400, { sku: 'tea', quantity: -1 }],
    [400, 'null'],
  ])('answers %i to the order %j', async (expected, order) => {
    expect((await shop.call('POST', '/orders', order)).status).toBe(expected);
  });

  it('draws the code_url as a QR code', async () => {
    const { outTradeNo, codeUrl } = await shop.order();
    await shop.order();
    const { status, headers, body } = await shop.call('GET', `/orders/${outTradeNo}/qr.svg`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^image\/svg\+xml/);
    expect(darkModules(body)).toEqual(modulesOf(codeUrl));
  });

  it.each(['', '/events', '/qr.svg'])('knows no order NOPE%s', async (path) => {
    expect((await shop.call('GET', `/orders/NOPE${path}`)).status).toBe(404);
  });

  it('says that an order is paid when the notification says so', async () => {
    const { outTradeNo } = await shop.order('mug', 2);
    const followed = shop.follow(outTradeNo, isPaid);
    shop.emulator.pay(outTradeNo);
    const states = (await followed).map(({ state }) => state);
    expect(states.at(-1)).toBe('SUCCESS');
    expect(await shop.read(outTradeNo)).toMatchObject({
      state: 'SUCCESS',
      transactionId: expect.any(String),
      paidAt: expect.any(String),
    });
    await shop.emulator.settled();
    const [record] = shop.emulator.notifications().slice(-1);
    expect(record?.attempts.map(({ status }) => status)).toEqual([204]);
  });

  it('tells those who follow an order of that order only', async () => {
    const { outTradeNo } = await shop.order();
    let isFollowed = () => {};
    const first = new Promise<void>((done) => (isFollowed = done));
    const followed = shop.follow(outTradeNo, (order) => {
      isFollowed();
      return isPaid(order);
    });
    await Promise.race([first, followed]);
    await paidOrder();
    shop.emulator.pay(outTradeNo);
    expect((await followed).map((order) => [order.outTradeNo, order.state])).toEqual([
      [outTradeNo, 'NOTPAY'],
      [outTradeNo, 'SUCCESS'],
    ]);
  });

  it('does not ask the platform instead of waiting for the notification', async () => {
    const { outTradeNo } = await shop.order();
    shop.emulator.addFault({ match: 'notification', kind: 'drop', times: 1 });
    shop.emulator.pay(outTradeNo);
    await shop.emulator.settled();
    expect((await shop.read(outTradeNo)).state).toBe('NOTPAY');
    const [dropped] = shop.emulator.notifications().slice(-1);
    await shop.emulator.resend(dropped?.id ?? '');
    expect((await shop.read(outTradeNo)).state).toBe('SUCCESS');
  });

  it.each([
    ['with a changed body', { mutateBody: (body: Buffer) => Buffer.from(`${String(body)} `) }],
    ['with a signature of nobody', { signature: Buffer.alloc(256, 1).toString('base64') }],
    ['that probes the verification', { signature: 'WECHATPAY/SIGNTEST/abcdef' }],
    ['of yesterday', { timestamp: Math.floor(Date.now() / 1000) - 86_400 }],
  ])('answers 401 to a notification %s, and nothing changes', async (_title, overrides) => {
    const order = await shop.order();
    const { status, body } = await shop.notify(
      shop.emulator.createNotification('TRANSACTION.SUCCESS', transaction(order), overrides),
    );
    expect(status).toBe(401);
    expect(JSON.parse(body)).toMatchObject({ code: 'FAIL' });
    expect((await shop.read(order.outTradeNo)).state).toBe('NOTPAY');
  });

  it.each([
    ['another amount', { amount: { total: 1, payer_total: 1 } }],
    ['another appid', { appid: 'wx0000000000000000' }],
    ['a failed payment', { trade_state: 'PAYERROR' }],
    ['an unknown order', { out_trade_no: 'SOMEBODYELSES' }],
  ])('accepts a genuine notification of %s without acting on it', async (_title, overrides) => {
    const order = await shop.order();
    const { status } = await shop.notify(
      shop.emulator.createNotification('TRANSACTION.SUCCESS', transaction(order, overrides)),
    );
    expect(status).toBe(204);
    expect((await shop.read(order.outTradeNo)).state).toBe('NOTPAY');
  });

  it('accepts notifications that do not concern it', async () => {
    const { status } = await shop.notify(
      shop.emulator.createNotification('COUPON.USE', { stock_id: '1' }),
    );
    expect(status).toBe(204);
  });

  it('refunds, once, and a late notification of the payment does not take it back', async () => {
    const { outTradeNo } = await paidOrder();
    await shop.emulator.settled();
    const [payment] = shop.emulator.notifications().slice(-1);
    const followed = shop.follow(outTradeNo, isRefunded);
    const answers = await Promise.all(
      ['first', 'second'].map(() => shop.call('POST', `/orders/${outTradeNo}/refund`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const seen = await followed;
    expect(seen.map(({ refund }) => refund)).toContain('PROCESSING');
    expect(seen.at(-1)).toMatchObject({ state: 'REFUND', refund: 'SUCCESS' });

    await shop.emulator.resend(payment?.id ?? '');
    expect((await shop.read(outTradeNo)).state).toBe('REFUND');
    await shop.emulator.settled();
    const refunds = shop.emulator.notifications().filter(({ eventType, payload }) => {
      const { out_trade_no: number } = payload as { out_trade_no: string };
      return eventType === 'REFUND.SUCCESS' && number === outTradeNo;
    });
    expect(refunds).toHaveLength(1);
    expect((await shop.call('POST', `/orders/${outTradeNo}/refund`)).status).toBe(409);
  });

  it('refunds nothing that was not paid', async () => {
    const { outTradeNo } = await shop.order();
    expect((await shop.call('POST', `/orders/${outTradeNo}/refund`)).status).toBe(409);
    expect((await shop.call('POST', '/orders/NOPE/refund')).status).toBe(404);
  });

  it('keeps an order paid when its refund is closed', async () => {
    const { outTradeNo, amountFen } = await paidOrder();
    const { status } = await shop.notify(
      shop.emulator.createNotification('REFUND.CLOSED', {
        mchid: shop.emulator.mchid,
        out_trade_no: outTradeNo,
        transaction_id: '4200000000000000000000000001',
        refund_id: '50000000000000000000000001',
        out_refund_no: `${outTradeNo}-R`,
        refund_status: 'CLOSED',
        amount: { total: amountFen, refund: amountFen, payer_total: 0, payer_refund: 0 },
      }),
    );
    expect(status).toBe(204);
    expect(await shop.read(outTradeNo)).toMatchObject({ state: 'SUCCESS', refund: 'CLOSED' });
  });

  it('answers 502 when the platform fails, and the customer may try again', async () => {
    shop.emulator.addFault({ match: 'POST /v3/pay/', kind: 'status-500', times: 9 });
    const failed = await shop.call('POST', '/orders', { sku: 'tea', quantity: 1 });
    shop.emulator.clearFaults();
    expect(failed.status).toBe(502);
    expect(JSON.stringify(failed.body)).not.toMatch(/mch|sign|key/i);
    expect((await shop.call('POST', '/orders', { sku: 'tea', quantity: 1 })).status).toBe(201);
  });

  it('is healthy', async () => {
    const { status, body } = await shop.call('GET', '/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'ok', info: { wechatpay: { status: 'up' } } });
  });

  it('has a page that loads nothing from elsewhere', async () => {
    const { status, headers, body } = await shop.call('GET', '/');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });
});

it('ends open event streams when the shop closes', async () => {
  const shop = await RunningShop.start();
  const { outTradeNo } = await shop.order();
  const followed = shop.follow(outTradeNo, isPaid).catch((error: unknown) => String(error));
  await shop.close();
  expect(await followed).toMatch(/events ended early|fetch failed|terminated/);
});
