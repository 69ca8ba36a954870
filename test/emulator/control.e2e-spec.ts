import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { Merchant, send, type RawAnswer } from './support/merchant.js';

describe('The control interface', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let count = 0;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
  });

  afterAll(() => emulator.close());

  function post(path: string, body: unknown = {}, headers: object = {}): Promise<RawAnswer> {
    return send(emulator.url, {
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  const get = (path: string, headers: Record<string, string> = {}) =>
    send(emulator.url, { path, headers });

  async function order(): Promise<{ outTradeNo: string; codeUrl: string }> {
    const outTradeNo = `CONTROL-${String((count += 1)).padStart(4, '0')}`;
    const { json } = await merchant.native(outTradeNo);
    return { outTradeNo, codeUrl: String(json['code_url']) };
  }

  it('pays an order by its number, by its code, and by its prepay id', async () => {
    const first = await order();
    const byNumber = await post(`/emulator/orders/${first.outTradeNo}/pay`);
    expect(byNumber).toMatchObject({
      status: 200,
      json: { trade_state: 'SUCCESS', out_trade_no: first.outTradeNo },
    });
    const second = await order();
    const byCode = await post('/emulator/pay', { code_url: second.codeUrl });
    expect(byCode.json['out_trade_no']).toBe(second.outTradeNo);
    const app = await merchant.post('/v3/pay/transactions/app', merchant.order('CONTROL-APP'));
    const byPrepay = await post('/emulator/pay', { prepay_id: app.json['prepay_id'] });
    expect(byPrepay.json['out_trade_no']).toBe('CONTROL-APP');
    expect((await merchant.query('CONTROL-APP')).json['trade_state']).toBe('SUCCESS');
  });

  it('says why an order cannot be paid', async () => {
    const { outTradeNo } = await order();
    await post(`/emulator/orders/${outTradeNo}/pay`);
    expect(await post(`/emulator/orders/${outTradeNo}/pay`)).toMatchObject({
      status: 400,
      json: { code: 'ORDERPAID' },
    });
    expect(await post('/emulator/orders/NOBODY-01/pay')).toMatchObject({
      status: 404,
      json: { code: 'ORDER_NOT_EXIST' },
    });
    expect((await post('/emulator/pay', {})).status).toBe(400);
    expect((await post('/emulator/pay', { code_url: 5 })).status).toBe(400);
  });

  it.each([
    ['native', 'code_url', 120, '2小时', {}],
    ['jsapi', 'prepay_id', 120, '2小时', { payer: { openid: 'oUpF8uMuAJO' } }],
    ['app', 'prepay_id', 120, '2小时', {}],
    [
      'h5',
      'h5_url',
      5,
      '5分钟',
      { scene_info: { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } } },
    ],
  ])(
    'moves the clock past the end of a %s order’s %s after %d minutes, and says so',
    async (product, field, minutes, life, more) => {
      const outTradeNo = `CONTROL-EXPIRY-${product}`;
      const body = { ...merchant.order(outTradeNo), ...more };
      const place = async () => {
        const { json } = await merchant.post(`/v3/pay/transactions/${product}`, body);
        const text = String(json[field]);
        return field === 'h5_url' ? new URL(text).searchParams.get('prepay_id') : text;
      };
      const name = field === 'h5_url' ? 'prepay_id' : field;
      const pay = async (given: unknown) => post('/emulator/pay', { [name]: given });
      const given = await place();
      await post('/emulator/clock', { advanceMs: minutes * 60_000 });
      try {
        expect(await pay(given)).toMatchObject({
          status: 400,
          json: {
            code: 'INVALID_REQUEST',
            message: `${field}已过期，有效期为${life}，请重新下单`,
          },
        });
        const stands = await merchant.query(outTradeNo);
        expect(stands.json['trade_state']).toBe('NOTPAY');
        const paid = await pay(await place());
        expect(paid).toMatchObject({ status: 200, json: { trade_state: 'SUCCESS' } });
      } finally {
        await post('/emulator/clock', { offsetMs: 0 });
      }
    },
  );

  it('pays and refunds for the merchant that is named, where two have one number', async () => {
    const { outTradeNo } = await order();
    const { mchid } = await emulator.addMerchant();
    const other = new Merchant(emulator, mchid);
    await other.native(outTradeNo);
    const path = `/emulator/orders/${outTradeNo}/pay`;
    expect((await post(path, { mchid })).json).toMatchObject({ mchid, trade_state: 'SUCCESS' });
    const named = { out_trade_no: outTradeNo, mchid: merchant.mchid };
    expect((await post('/emulator/pay', named)).json).toMatchObject({ mchid: merchant.mchid });
    await other.post('/v3/refund/domestic/refunds', {
      out_trade_no: outTradeNo,
      out_refund_no: 'CR-2',
      amount: { refund: 1, total: 100, currency: 'CNY' },
    });
    const finish = '/emulator/refunds/CR-2/finish';
    expect((await post(finish, { mchid: merchant.mchid })).status).toBe(404);
    expect(await post(finish, { mchid })).toMatchObject({ json: { status: 'SUCCESS' } });
  });

  it('takes an empty body for an empty object', async () => {
    const rotated = await post('/emulator/certificates/rotate', '');
    expect(rotated).toMatchObject({ status: 200, json: { signing: emulator.keys.signing } });
  });

  it('rotates certificates, by steps or at once', async () => {
    const before = emulator.keys.signing;
    const added = await post('/emulator/certificates/rotate', { phase: 'add' });
    expect(added.json).toMatchObject({
      signing: before,
      certificates: [before, expect.any(String)],
    });
    const all = await post('/emulator/certificates/rotate');
    expect(all.json['certificates']).toEqual([all.json['signing']]);
    expect((await get('/emulator/certificates')).json).toEqual(all.json);
    expect((await post('/emulator/certificates/rotate', { phase: 'sideways' })).status).toBe(400);
  });

  it('takes faults, lists them, and clears them', async () => {
    const fault = { match: 'POST /v3/pay/', kind: 'status-429', times: 3 };
    expect(await post('/emulator/faults', fault)).toMatchObject({
      status: 201,
      json: { faults: [{ ...fault, left: 3 }] },
    });
    expect((await get('/emulator/faults')).json['faults']).toHaveLength(1);
    expect((await post('/emulator/faults', { kind: 'nothing' })).status).toBe(400);
    expect((await post('/emulator/faults', { kind: 'signtest', times: 0 })).status).toBe(400);
    expect((await post('/emulator/faults', {})).json['message']).toMatch(/^kind: signtest, /);
    expect((await post('/emulator/faults', { kind: 'respond', signed: 'no' })).status).toBe(400);
    expect((await post('/emulator/faults', { kind: 'respond', signed: false })).status).toBe(201);
    await send(emulator.url, { method: 'DELETE', path: '/emulator/faults' });
    expect((await get('/emulator/faults')).json['faults']).toEqual([]);
  });

  it('lists notifications with every attempt and answer, and posts one again', async () => {
    const { outTradeNo } = await order();
    await post(`/emulator/orders/${outTradeNo}/pay`);
    await emulator.settled();
    const { json } = await get('/emulator/notifications?state=pending');
    const list = json['notifications'] as { id: string; payload: object; attempts: object[] }[];
    const last = list.at(-1);
    expect(last).toMatchObject({
      eventType: 'TRANSACTION.SUCCESS',
      state: 'pending',
      nextAttemptAt: expect.any(String),
      payload: { out_trade_no: outTradeNo },
      attempts: [{ number: 1, error: expect.stringContaining('ECONNREFUSED') }],
    });
    const again = await post(`/emulator/notifications/${last?.id}/resend`);
    expect(again.json['attempts']).toHaveLength(2);
    expect((await post('/emulator/notifications/nobody/resend')).status).toBe(400);
    expect((await get('/emulator/notifications?state=delivered')).json['notifications']).toEqual(
      [],
    );
  });

  it('moves the clock', async () => {
    const moved = await post('/emulator/clock', { offsetMs: 600_000 });
    expect(moved.json['offsetMs']).toBe(600_000);
    const stale = await merchant.get('/v3/certificates', {
      timestamp: String(Math.floor(Date.now() / 1000)),
    });
    expect(stale.status).toBe(401);
    expect((await post('/emulator/clock', { advanceMs: -1000 })).json['offsetMs']).toBe(599_000);
    expect((await post('/emulator/clock', { advanceMs: 1e300 })).status).toBe(400);
    expect((await post('/emulator/clock', { advanceMs: 'soon' })).status).toBe(400);
    await post('/emulator/clock', { offsetMs: 0 });
  });

  it('ends refunds', async () => {
    const { outTradeNo } = await order();
    emulator.pay(outTradeNo);
    await merchant.post('/v3/refund/domestic/refunds', {
      out_trade_no: outTradeNo,
      out_refund_no: 'CR-1',
      amount: { refund: 1, total: 100, currency: 'CNY' },
    });
    const ended = await post('/emulator/refunds/CR-1/finish', { status: 'ABNORMAL' });
    expect(ended).toMatchObject({ status: 200, json: { status: 'ABNORMAL' } });
    expect((await post('/emulator/refunds/CR-1/finish', { status: 'MAYBE' })).status).toBe(400);
  });

  it('says what there is', async () => {
    const { json } = await get('/emulator');
    expect(json['endpoints']).toContainEqual({
      request: 'POST /emulator/pay',
      does: expect.any(String),
    });
    expect(JSON.stringify(json)).not.toContain(emulator.apiV3Key);
    expect((await get('/')).headers.location).toBe('/emulator/');
  });

  describe('keeps strangers out', () => {
    async function attempt(
      headers: Record<string, string | undefined>,
      body?: string,
    ): Promise<number> {
      const { outTradeNo } = await order();
      const answer = await send(emulator.url, {
        method: 'POST',
        path: `/emulator/orders/${outTradeNo}/pay`,
        headers: { 'content-type': 'application/json', ...headers },
        body: body ?? '{}',
      });
      const { trade_state: state } = (await merchant.query(outTradeNo)).json;
      expect(state).toBe(answer.status === 200 ? 'SUCCESS' : 'NOTPAY');
      return answer.status;
    }

    it.each([
      'attacker.example',
      'attacker.example:80',
      '127.0.0.1',
      'localhost:1',
      '127.0.0.1.nip.io',
    ])('who come with Host %s, as a page does that rebinds its name', async (host) => {
      expect(await attempt({ host })).toBe(403);
    });

    it.each(['http://attacker.example', 'null', 'https://127.0.0.1', 'http://127.0.0.1:1'])(
      'who come from the page %s',
      async (origin) => {
        expect(await attempt({ origin })).toBe(403);
      },
    );

    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      undefined,
    ])('who post %s, which needs no preflight', async (type) => {
      expect(await attempt({ 'content-type': type })).toBe(415);
    });

    it.each(['cross-site', 'same-site'])('whom the browser calls %s', async (site) => {
      expect(await attempt({ 'sec-fetch-site': site })).toBe(403);
      expect((await get('/emulator/notifications', { 'sec-fetch-site': site })).status).toBe(403);
    });

    it('but not our own page, under either of our names', async () => {
      const { port } = new URL(emulator.url);
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
        const own = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
        expect(await attempt(own)).toBe(200);
      }
    });

    it('but lets a shop link to the payer page', async () => {
      const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
      const { codeUrl } = await order();
      const { pathname, search } = new URL(emulator.payerUrl(codeUrl));
      expect((await get(pathname + search, headers)).status).toBe(200);
    });

    it('and allows no other origin to read', async () => {
      const answer = await get('/emulator/notifications');
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    });
  });

  it.each(['[]', '"x"', '{', '\uFEFF{}'])('refuses the body %j', async (body) => {
    expect((await post('/emulator/clock', body)).status).toBe(400);
  });

  it('refuses a body beyond 64 KiB and a path that is no path', async () => {
    const answer = await post('/emulator/clock', JSON.stringify({ x: 'x'.repeat(70_000) }))
      .then(({ status }) => status)
      .catch(() => 413);
    expect(answer).toBe(413);
    expect((await post('/emulator/orders/%E0%A4%A/pay')).status).toBe(400);
    expect((await get('/emulator/nothing')).status).toBe(404);
  });
});
