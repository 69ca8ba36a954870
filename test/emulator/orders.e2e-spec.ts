import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { encryptField, Merchant, type RawAnswer } from './support/merchant.js';

/** An object in an object, so many deep. */
function nested(depth: number): object {
  return depth === 0 ? {} : { x: nested(depth - 1) };
}

describe('Orders', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let count = 0;
  const number = () => `ORDER-${String((count += 1)).padStart(6, '0')}`;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
  });

  afterAll(() => emulator.close());

  function expectRefusal(answer: RawAnswer, status: number, code: string): void {
    expect({ status: answer.status, code: answer.json['code'] }).toEqual({ status, code });
  }

  it.each([
    ['jsapi', { payer: { openid: 'oUpF8uMuAJO' } }, 'prepay_id', /^wx\w{34}$/],
    ['app', {}, 'prepay_id', /^wx\w{34}$/],
    [
      'h5',
      { scene_info: { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } } },
      'h5_url',
      /^http:\/\/127\.0\.0\.1:\d+\/emulator\/payer\?prepay_id=wx\w+$/,
    ],
    ['native', {}, 'code_url', /^weixin:\/\/wxpay\/bizpayurl\?pr=\w+$/],
  ])('takes a %s order', async (product, more, field, shape) => {
    const body = { ...merchant.order(number()), ...more };
    const answer = await merchant.post(`/v3/pay/transactions/${product}`, body);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json)).toEqual([field]);
    expect(answer.json[field]).toMatch(shape);
  });

  describe('in partner mode', () => {
    const base = '/v3/pay/partner/transactions';
    const subMchid = '1900000109';

    function order(outTradeNo: string, more: object = {}): object {
      const { appid, mchid, ...rest } = merchant.order(outTradeNo);
      return { ...rest, sp_appid: appid, sp_mchid: mchid, sub_mchid: subMchid, ...more };
    }

    it.each([
      ['jsapi', { payer: { sp_openid: 'oProvider' } }],
      ['app', {}],
      ['h5', { scene_info: { payer_client_ip: '::1', h5_info: { type: 'iOS' } } }],
      ['native', {}],
    ])('takes, shows, pays and closes a %s order', async (product, more) => {
      const outTradeNo = number();
      expect((await merchant.post(`${base}/${product}`, order(outTradeNo, more))).status).toBe(200);
      const query = `sp_mchid=${merchant.mchid}&sub_mchid=${subMchid}`;
      const path = `${base}/out-trade-no/${outTradeNo}?${query}`;
      expect((await merchant.get(path)).json['trade_state']).toBe('NOTPAY');
      emulator.pay(outTradeNo);
      const paid = await merchant.get(path);
      expect(paid.json).toMatchObject({
        sp_mchid: merchant.mchid,
        sp_appid: merchant.appid,
        sub_mchid: subMchid,
        trade_state: 'SUCCESS',
        payer: { sp_openid: expect.any(String) },
      });
      expect(paid.json['mchid']).toBeUndefined();
      const byId = `${base}/id/${String(paid.json['transaction_id'])}?${query}`;
      expect((await merchant.get(byId)).json).toEqual(paid.json);
      expectRefusal(await merchant.query(outTradeNo), 404, 'ORDER_NOT_EXIST');
      const close = { sp_mchid: merchant.mchid, sub_mchid: subMchid };
      const closed = await merchant.post(`${base}/out-trade-no/${outTradeNo}/close`, close);
      expectRefusal(closed, 400, 'ORDERPAID');
    });

    it('needs one openid of the two, and sub_appid with sub_openid', async () => {
      for (const payer of [{}, { sub_openid: 'oSub' }]) {
        expectRefusal(
          await merchant.post(`${base}/jsapi`, order(number(), { payer })),
          400,
          'PARAM_ERROR',
        );
      }
      const good = { payer: { sub_openid: 'oSub' }, sub_appid: 'wxsub00000000001' };
      const outTradeNo = number();
      expect((await merchant.post(`${base}/jsapi`, order(outTradeNo, good))).status).toBe(200);
      emulator.pay(outTradeNo);
      const query = `sp_mchid=${merchant.mchid}&sub_mchid=${subMchid}`;
      const paid = await merchant.get(`${base}/out-trade-no/${outTradeNo}?${query}`);
      expect(paid.json).toMatchObject({
        sub_appid: 'wxsub00000000001',
        payer: { sp_openid: expect.any(String), sub_openid: 'oSub' },
      });
    });

    it('refuses a provider who is not the one that signed, and itself as sub-merchant', async () => {
      const foreign = await merchant.post(
        `${base}/native`,
        order(number(), { sp_mchid: '1900009999' }),
      );
      expectRefusal(foreign, 400, 'PARAM_ERROR');
      const self = await merchant.post(
        `${base}/native`,
        order(number(), { sub_mchid: merchant.mchid }),
      );
      expectRefusal(self, 400, 'PARAM_ERROR');
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no description', { description: undefined }, '/description'],
    ['an empty description', { description: '' }, '/description'],
    ['a description beyond 127 characters', { description: '长'.repeat(128) }, '/description'],
    ['null for an optional field', { attach: null }, '/attach'],
    ['null for a field that nobody knows', { whatever: { deep: [null] } }, '/whatever/deep/0'],
    ['an emoji', { description: '奶茶🧋' }, '/description'],
    ['a number where text belongs', { description: 5 }, '/description'],
    ['a short order number', { out_trade_no: 'A1234' }, '/out_trade_no'],
    ['a long order number', { out_trade_no: 'A'.repeat(33) }, '/out_trade_no'],
    ['a Chinese order number', { out_trade_no: '订单编号一二三' }, '/out_trade_no'],
    ['an order number with a slash', { out_trade_no: 'AB/123456' }, '/out_trade_no'],
    ['no amount', { amount: undefined }, '/amount'],
    ['an amount of nothing', { amount: { total: 0 } }, '/amount/total'],
    ['an amount below nothing', { amount: { total: -1 } }, '/amount/total'],
    ['an amount with a fraction', { amount: { total: 1.5 } }, '/amount/total'],
    ['an amount as text', { amount: { total: '100' } }, '/amount/total'],
    ['another currency', { amount: { total: 1, currency: 'USD' } }, '/amount/currency'],
    ['a list for an object', { amount: [] }, '/amount'],
    ['a text for a flag', { support_fapiao: 'true' }, '/support_fapiao'],
    ['a wrong time', { time_expire: '2030-01-01 00:00:00' }, '/time_expire'],
    ['a time that is over', { time_expire: '2020-01-01T00:00:00+08:00' }, '/time_expire'],
    ['a notify address with a query', { notify_url: 'https://a.example/x?y=1' }, '/notify_url'],
    ['a notify address with a fragment', { notify_url: 'https://a.example/x#y' }, '/notify_url'],
    ['a notify address without a scheme', { notify_url: 'a.example/x' }, '/notify_url'],
    ['a notify address of another scheme', { notify_url: 'ftp://a.example/x' }, '/notify_url'],
    ['a notify address with a password', { notify_url: 'http://a:b@a.example/x' }, '/notify_url'],
    [
      'a notify address beyond 256',
      { notify_url: `https://a.example/${'x'.repeat(240)}` },
      '/notify_url',
    ],
    ['fields within fields for ever', { whatever: nested(17) }, `/whatever${'/x'.repeat(16)}`],
    ['a list that is none', { detail: { goods_detail: {} } }, '/detail/goods_detail'],
    ['a number for one of some words', { limit_pay: [5] }, '/limit_pay/0'],
    ['a price below what can be counted', { detail: { cost_price: 1.5 } }, '/detail/cost_price'],
    ['an unknown way to limit payment', { limit_pay: ['cash'] }, '/limit_pay/0'],
    [
      'goods without a quantity',
      { detail: { goods_detail: [{ merchant_goods_id: '1', unit_price: 1 }] } },
      '/detail/goods_detail/0/quantity',
    ],
  ])('refuses an order with %s', async (_, changes, field) => {
    const answer = await merchant.native(number(), changes);
    expectRefusal(answer, 400, 'PARAM_ERROR');
    expect(answer.json['detail']).toMatchObject({ location: 'body', field });
  });

  it.each(['', '[]', '"text"', '{', '{"appid":', '1'])('refuses the body %j', async (body) => {
    const answer = await merchant.post('/v3/pay/transactions/native', body);
    expectRefusal(answer, 400, 'PARAM_ERROR');
  });

  it('takes what an order may have beside, and shows the device when it is paid', async () => {
    const outTradeNo = number();
    const taken = await merchant.native(outTradeNo, {
      support_fapiao: true,
      detail: {
        cost_price: 200,
        goods_detail: [{ merchant_goods_id: '1', quantity: 1, unit_price: 1 }],
      },
      scene_info: { payer_client_ip: '127.0.0.1', device_id: 'till-7' },
    });
    expect(taken.status).toBe(200);
    emulator.pay(outTradeNo);
    expect((await merchant.query(outTradeNo)).json['scene_info']).toEqual({ device_id: 'till-7' });
  });

  it('finds an order by its transaction id, not by another name that it goes by', async () => {
    const outTradeNo = number();
    const { json } = await merchant.post('/v3/pay/transactions/app', merchant.order(outTradeNo));
    emulator.pay(outTradeNo);
    const byId = (id: string) =>
      merchant.get(`/v3/pay/transactions/id/${id}?mchid=${merchant.mchid}`);
    const { transaction_id: id } = (await merchant.query(outTradeNo)).json;
    expect((await byId(String(id))).json['out_trade_no']).toBe(outTradeNo);
    expectRefusal(await byId(String(json['prepay_id'])), 404, 'ORDER_NOT_EXIST');
    expectRefusal(await byId(`${String(id)}0`), 404, 'ORDER_NOT_EXIST');
    const { mchid } = await emulator.addMerchant();
    const other = new Merchant(emulator, mchid);
    const foreign = await other.get(`/v3/pay/transactions/id/${String(id)}?mchid=${mchid}`);
    expectRefusal(foreign, 404, 'ORDER_NOT_EXIST');
  });

  it('refuses another content type', async () => {
    const headers = { 'content-type': 'text/plain' };
    const answer = await merchant.post('/v3/pay/transactions/native', merchant.order(number()), {
      headers,
    });
    expectRefusal(answer, 415, 'INVALID_REQUEST');
  });

  it('is not changed by a body that names __proto__', async () => {
    const body = JSON.stringify(merchant.order(number())).replace('{', '{"__proto__":{"total":1},');
    expect((await merchant.post('/v3/pay/transactions/native', body)).status).toBe(200);
    expect(Object.hasOwn(Object.prototype, 'total')).toBe(false);
  });

  it('refuses an appid that is not bound to the merchant', async () => {
    const answer = await merchant.native(number(), { appid: 'wx0000000000000000' });
    expectRefusal(answer, 400, 'APPID_MCHID_NOT_MATCH');
  });

  it('refuses the number of another merchant in body and query', async () => {
    const inBody = await merchant.native(number(), { mchid: '1900009999' });
    expectRefusal(inBody, 400, 'PARAM_ERROR');
    expect(inBody.json['message']).toBe('http header中的mchid与post payload中的mchid不匹配');
    const path = '/v3/pay/transactions/out-trade-no/ORDER-000001';
    for (const query of ['?mchid=1900009999', '', '?mchid=', `?mchid=${merchant.mchid}&mchid=1`]) {
      expectRefusal(await merchant.get(path + query), 400, 'PARAM_ERROR');
    }
  });

  it('finds an order by a number with every sign that is allowed, encoded or not', async () => {
    const outTradeNo = 'A|b*c_d-0001';
    expect((await merchant.native(outTradeNo)).status).toBe(200);
    const encoded = encodeURIComponent(outTradeNo);
    for (const spelled of [outTradeNo, encoded]) {
      expect((await merchant.query(spelled)).json['out_trade_no']).toBe(outTradeNo);
    }
    expectRefusal(await merchant.query('%E8%AE%A2%E5%8D%95%E7%BC%96'), 400, 'PARAM_ERROR');
    expectRefusal(await merchant.query('%zz-000001'), 400, 'PARAM_ERROR');
  });

  it('answers a repeated order the same, whatever the order of its keys', async () => {
    const outTradeNo = number();
    const first = await merchant.native(outTradeNo);
    const reversed = Object.fromEntries(Object.entries(merchant.order(outTradeNo)).reverse());
    const again = await merchant.post('/v3/pay/transactions/native', reversed);
    expect(again).toMatchObject({ status: 200, json: first.json });
  });

  it('refuses a repeated order with another amount or another product', async () => {
    const outTradeNo = number();
    await merchant.native(outTradeNo);
    const changed = await merchant.native(outTradeNo, { amount: { total: 101, currency: 'CNY' } });
    expectRefusal(changed, 400, 'INVALID_REQUEST');
    const other = await merchant.post('/v3/pay/transactions/app', merchant.order(outTradeNo));
    expectRefusal(other, 403, 'OUT_TRADE_NO_USED');
  });

  it('does not take an order again that is paid or closed, and does not close one that is paid', async () => {
    const [paid, closed] = [number(), number()];
    await merchant.native(paid);
    await merchant.native(closed);
    emulator.pay(paid);
    const close = (no: string) =>
      merchant.post(`/v3/pay/transactions/out-trade-no/${no}/close`, { mchid: merchant.mchid });
    expect((await close(closed)).status).toBe(204);
    expectRefusal(await merchant.native(paid), 400, 'ORDERPAID');
    expectRefusal(await merchant.native(closed), 400, 'ORDER_CLOSED');
    expectRefusal(await close(paid), 400, 'ORDERPAID');
    expectRefusal(await close(closed), 400, 'ORDER_CLOSED');
    expectRefusal(await close(number()), 404, 'ORDER_NOT_EXIST');
    expect((await merchant.query(closed)).json['trade_state']).toBe('CLOSED');
    expect(() => emulator.pay(closed)).toThrow(expect.objectContaining({ code: 'ORDER_CLOSED' }));
    expect(() => emulator.pay(paid)).toThrow(expect.objectContaining({ code: 'ORDERPAID' }));
    expect(() => emulator.pay('NOBODY0001')).toThrow(
      expect.objectContaining({ code: 'ORDER_NOT_EXIST' }),
    );
  });

  it('does not show one merchant the orders of another', async () => {
    const { mchid } = await emulator.addMerchant();
    const other = new Merchant(emulator, mchid);
    const outTradeNo = number();
    await merchant.native(outTradeNo);
    const { transaction_id: id } = emulator.pay(outTradeNo);
    expectRefusal(await other.query(outTradeNo), 404, 'ORDER_NOT_EXIST');
    const byId = `/v3/pay/transactions/id/${String(id)}?mchid=${mchid}`;
    expectRefusal(await other.get(byId), 404, 'ORDER_NOT_EXIST');
    await other.native(outTradeNo);
    expect(() => emulator.pay(outTradeNo)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
    expect(emulator.pay({ outTradeNo, mchid })['mchid']).toBe(mchid);
  });
});

describe('Orders and time', () => {
  it('lets a code live two hours and an order seven days', async () => {
    const emulator = await WechatPayEmulator.start();
    try {
      const merchant = new Merchant(emulator);
      const first = await merchant.native('TIME-00001');
      const code = String(first.json['code_url']);
      emulator.setClock({ advanceMs: 2 * 3_600_000 + 1000 });
      expect(() => emulator.pay(code)).toThrow('code_url已过期，有效期为2小时');
      const second = await merchant.native('TIME-00001');
      expect(second.json['code_url']).not.toBe(code);
      expect(() => emulator.pay(code)).toThrow(
        expect.objectContaining({ code: 'ORDER_NOT_EXIST' }),
      );
      emulator.setClock({ advanceMs: 7 * 24 * 3_600_000 });
      expect((await merchant.query('TIME-00001')).json['trade_state']).toBe('CLOSED');
    } finally {
      await emulator.close();
    }
  });

  it.each([
    ['jsapi', 'prepay_id', 120, { payer: { openid: 'oUpF8uMuAJO' } }],
    ['app', 'prepay_id', 120, {}],
    ['h5', 'h5_url', 5, { scene_info: { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } } }],
  ])('lets a %s order be paid by its %s for %d minutes', async (product, field, minutes, more) => {
    let now = Date.now();
    const emulator = await WechatPayEmulator.start({ now: () => now });
    try {
      const merchant = new Merchant(emulator);
      const place = async () => {
        const body = { ...merchant.order('TIME-00002'), ...more };
        const { json } = await merchant.post(`/v3/pay/transactions/${product}`, body);
        const text = String(json[field]);
        return text.startsWith('http') ? String(new URL(text).searchParams.get('prepay_id')) : text;
      };
      const pay = (prepayId: string) => emulator.pay({ prepayId })['trade_state'];
      const first = await place();
      now += minutes * 60_000 - 1;
      expect(await place()).toBe(first);
      now += 1;
      expect(() => pay(first)).toThrow(
        expect.objectContaining({
          code: 'INVALID_REQUEST',
          message: expect.stringMatching(
            `^${field}已过期，有效期为${minutes === 5 ? '5分钟' : '2小时'}`,
          ),
        }),
      );
      const second = await place();
      expect(second).not.toBe(first);
      expect(() => pay(first)).toThrow(expect.objectContaining({ code: 'ORDER_NOT_EXIST' }));
      now += minutes * 60_000 - 1;
      expect(pay(second)).toBe('SUCCESS');
    } finally {
      await emulator.close();
    }
  });

  it('lets a test pay by the number of the order, however old the code is', async () => {
    const emulator = await WechatPayEmulator.start();
    try {
      await new Merchant(emulator).native('TIME-00003');
      emulator.setClock({ advanceMs: 3 * 3_600_000 });
      expect(emulator.pay('TIME-00003')['trade_state']).toBe('SUCCESS');
    } finally {
      await emulator.close();
    }
  });

  it('forgets the oldest order when there are too many', async () => {
    const emulator = await WechatPayEmulator.start({ maxOrders: 2 });
    try {
      const merchant = new Merchant(emulator);
      for (const outTradeNo of ['BOUND-0001', 'BOUND-0002', 'BOUND-0003'])
        await merchant.native(outTradeNo);
      expect((await merchant.query('BOUND-0001')).status).toBe(404);
      expect((await merchant.query('BOUND-0002')).status).toBe(200);
      expect((await merchant.query('BOUND-0003')).status).toBe(200);
    } finally {
      await emulator.close();
    }
  });
});

describe('Encrypted fields', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
  });

  afterAll(() => emulator.close());

  function order(outTradeNo: string, pem: string, serial: string | undefined): Promise<RawAnswer> {
    const identity = {
      type: 'IDCARD',
      name: encryptField(pem, '张三'),
      number: encryptField(pem, '110101199003070000'),
    };
    const body = { ...merchant.order(outTradeNo), payer: { identity } };
    return merchant.post('/v3/pay/transactions/native', body, {
      headers: { 'wechatpay-serial': serial },
    });
  }

  it('are opened with the certificate or the public key that the request names', async () => {
    const { serial, certificate } = emulator.platformCertificate;
    expect((await order('SEALED-0001', certificate, serial)).status).toBe(200);
    const { id, key } = emulator.publicKey;
    expect((await order('SEALED-0002', key, id)).status).toBe(200);
  });

  it('are compared by what is in them when an order comes again', async () => {
    const { serial, certificate } = emulator.platformCertificate;
    const first = await order('SEALED-0003', certificate, serial);
    const again = await order('SEALED-0003', certificate, serial);
    expect(again.json).toEqual(first.json);
  });

  it('may be sealed with a certificate that is listed but does not sign yet', async () => {
    const { certificates } = await emulator.rotate('add');
    await emulator.rotate('activate');
    const { serial, certificate } = emulator.platformCertificate;
    expect(certificates).toContain(serial);
    expect((await order('SEALED-0004', certificate, serial)).status).toBe(200);
  });

  it.each<[string, () => [string, string | undefined], string]>([
    [
      'no key is named',
      () => [emulator.publicKey.key, undefined],
      'HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)',
    ],
    [
      'an unknown certificate is named',
      () => [emulator.publicKey.key, 'A'.repeat(40)],
      '平台证书序列号Wechatpay-Serial错误',
    ],
    [
      'another key was used',
      () => [emulator.publicKey.key, emulator.platformCertificate.serial],
      '敏感信息解密失败',
    ],
  ])('are refused when %s', async (_, choose, message) => {
    const [pem, serial] = choose();
    const answer = await order('SEALED-0005', pem, serial);
    expect(answer).toMatchObject({ status: 400, json: { code: 'PARAM_ERROR' } });
    expect(answer.json['message']).toContain(message);
  });

  it('are refused in the clear', async () => {
    const identity = { type: 'IDCARD', name: '张三', number: '110101199003070000' };
    const body = { ...merchant.order('SEALED-0006'), payer: { identity } };
    const headers = { 'wechatpay-serial': emulator.publicKey.id };
    const answer = await merchant.post('/v3/pay/transactions/native', body, { headers });
    expect(answer).toMatchObject({ status: 400, json: { code: 'PARAM_ERROR' } });
  });
});
