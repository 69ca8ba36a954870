import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { Merchant } from './support/merchant.js';

const HOUR = 3_600_000;
const SUB = '1900000109';

/** A time in China. */
const china = (time: string) => Date.parse(`${time}+08:00`);

describe('Trade bills', () => {
  let now: number;
  let emulator: WechatPayEmulator;
  let merchant: Merchant;

  beforeEach(async () => {
    now = china('2026-03-10T12:00:00');
    emulator = await WechatPayEmulator.start({ now: () => now, refundDelayMs: Infinity });
    merchant = new Merchant(emulator);
  });
  afterEach(() => emulator.close());

  async function pay(outTradeNo: string, changes: Readonly<Record<string, unknown>> = {}) {
    const placed = await merchant.native(outTradeNo, changes);
    expect(placed.status).toBe(200);
    emulator.pay(outTradeNo);
  }
  const refund = (outTradeNo: string, outRefundNo: string, fen: number, more: object = {}) =>
    merchant.post('/v3/refund/domestic/refunds', {
      out_trade_no: outTradeNo,
      out_refund_no: outRefundNo,
      amount: { refund: fen, total: 100, currency: 'CNY' },
      ...more,
    });
  const ask = (query: string, by = merchant) => by.get(`/v3/bill/tradebill?${query}`);
  const pathOf = ({ json }: { json: Readonly<Record<string, unknown>> }) => {
    const url = String(json['download_url']);
    expect(url.startsWith(`${emulator.url}/v3/billdownload/file?token=`)).toBe(true);
    return url.slice(emulator.url.length);
  };
  /** The file as it comes over the wire. */
  async function download(path: string, by = merchant) {
    const answer = await fetch(`${emulator.url}${path}`, {
      headers: {
        authorization: by.authorization('GET', path, ''),
        accept: '*/*',
        'user-agent': 'emulator-test/1.0',
      },
    });
    return { answer, bytes: Buffer.from(await answer.arrayBuffer()) };
  }
  async function bill(query = 'bill_date=2026-03-10', by = merchant): Promise<string[][]> {
    const { bytes } = await download(pathOf(await ask(query, by)), by);
    const lines = bytes.toString('utf8').split('\r\n');
    return lines.map((line) => line.split(line.startsWith('`') ? ',`' : ','));
  }
  const numbers = (lines: string[][]) => lines.slice(1, -3).map((cells) => cells[6]);

  it('have what was paid and what was refunded on a day, in 27 columns', async () => {
    await pay('BILL-01', {
      description: '龙井茶, "特级" `一`',
      attach: 'a,b',
      scene_info: { payer_client_ip: '127.0.0.1', device_id: 'till-1' },
    });
    now += HOUR;
    await refund('BILL-01', 'R-01', 30);
    emulator.finishRefund('R-01');
    await merchant.native('BILL-02'); // never paid
    now = china('2026-03-11T11:00:00');

    const asked = await ask('bill_date=2026-03-10');
    expect(asked.status).toBe(200);
    expect(asked.headers['wechatpay-signature']).toBeDefined();
    const { answer, bytes } = await download(pathOf(asked));
    expect(asked.json).toMatchObject({
      hash_type: 'SHA1',
      hash_value: createHash('sha1').update(bytes).digest('hex'),
    });
    expect(answer.status).toBe(200);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('wechatpay-'))).toEqual([]);

    const text = bytes.toString('utf8');
    expect(bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    const [header = '', paid = '', refunded = '', summary, sums, end] = text.slice(1).split('\r\n');
    expect(header).toMatch(/^交易时间,公众账号ID,商户号,特约商户号,设备号,.*,费率备注$/);
    const columns = header.split(',');
    expect(columns).toHaveLength(27);
    const cells = (line: string) => {
      const values = line.slice(1).split(',`');
      return Object.fromEntries(columns.map((name, at) => [name, values[at]]));
    };
    const transaction = (await merchant.query('BILL-01')).json;
    expect(cells(paid)).toEqual({
      交易时间: '2026-03-10 12:00:00',
      公众账号ID: merchant.appid,
      商户号: merchant.mchid,
      特约商户号: '0',
      设备号: 'till-1',
      微信订单号: transaction['transaction_id'],
      商户订单号: 'BILL-01',
      用户标识: (transaction['payer'] as { openid: string }).openid,
      交易类型: 'NATIVE',
      交易状态: 'SUCCESS',
      付款银行: 'OTHERS',
      货币种类: 'CNY',
      应结订单金额: '1.00',
      代金券金额: '0.00',
      微信退款单号: '0',
      商户退款单号: '0',
      退款金额: '0.00',
      充值券退款金额: '0.00',
      退款类型: '',
      退款状态: '',
      商品名称: '龙井茶, "特级" `一`',
      商户数据包: 'a,b',
      手续费: '0.01000',
      费率: '0.60%',
      订单金额: '1.00',
      申请退款金额: '0.00',
      费率备注: '',
    });
    expect(cells(refunded)).toMatchObject({
      交易时间: '2026-03-10 13:00:00',
      商户订单号: 'BILL-01',
      交易状态: 'REFUND',
      微信退款单号: expect.stringMatching(/^5030/),
      商户退款单号: 'R-01',
      退款金额: '0.30',
      退款类型: 'ORIGINAL',
      退款状态: 'SUCCESS',
      订单金额: '0.00',
      申请退款金额: '0.30',
    });
    expect(summary).toBe(
      '总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额',
    );
    expect(sums).toBe('`2.0,`1.00,`0.30,`0.00,`0.01000,`1.00,`0.30');
    expect(end).toBe('');
  });

  it('count a day in China, a refund on the day that it was asked for, in its state of the next morning', async () => {
    now = china('2026-03-09T23:59:59');
    await pay('BILL-03');
    now = china('2026-03-10T00:00:00');
    await pay('BILL-04');
    now = china('2026-03-10T23:59:59.999');
    await refund('BILL-03', 'R-03', 10);
    now = china('2026-03-11T10:00:00');
    emulator.finishRefund('R-03'); // the bill was made at nine
    await refund('BILL-04', 'R-04', 10);
    const lines = await bill();
    expect(numbers(lines)).toEqual(['BILL-04', 'BILL-03']);
    expect(lines[2]?.[19]).toBe('PROCESSING');
    expect(numbers(await bill('bill_date=2026-03-09'))).toEqual(['BILL-03']);
  });

  it('come compressed for the asking, with the hash of what is inside', async () => {
    await pay('BILL-05');
    now += 24 * HOUR;
    const asked = await ask('bill_date=2026-03-10&tar_type=GZIP');
    const { bytes } = await download(pathOf(asked));
    const text = gunzipSync(bytes);
    expect(asked.json['hash_value']).toBe(createHash('sha1').update(text).digest('hex'));
    expect(text.toString('utf8')).toContain('`BILL-05');
  });

  it('come as payments or refunds alone', async () => {
    await pay('BILL-06');
    await refund('BILL-06', 'R-06', 10);
    now += HOUR;
    emulator.finishRefund('R-06');
    now += 24 * HOUR;
    const paid = await bill('bill_date=2026-03-10&bill_type=SUCCESS');
    expect([paid.length, paid[0]?.length, paid[1]?.length]).toEqual([5, 20, 20]);
    expect(paid[3]).toEqual(['`1.0', '1.00', '0.01000', '1.00']);
    const refunded = await bill('bill_date=2026-03-10&bill_type=REFUND');
    expect([refunded.length, refunded[0]?.length, refunded[1]?.length]).toEqual([5, 29, 29]);
    expect(refunded[1]?.slice(14, 16)).toEqual(['2026-03-10 12:00:00', '2026-03-10 13:00:00']);
  });

  it('are a merchant’s own, and of one sub-merchant if it is named', async () => {
    const other = new Merchant(emulator, (await emulator.addMerchant()).mchid);
    await pay('BILL-07');
    await merchant.post('/v3/pay/partner/transactions/native', {
      sp_appid: merchant.appid,
      sp_mchid: merchant.mchid,
      sub_mchid: SUB,
      description: '茶',
      out_trade_no: 'BILL-08',
      notify_url: 'http://127.0.0.1:9/notify',
      amount: { total: 100, currency: 'CNY' },
    });
    emulator.pay('BILL-08');
    now += 24 * HOUR;
    const all = await bill();
    expect(all.slice(1, 3).map((cells) => [cells[1], cells[3], cells[6]])).toEqual([
      [merchant.appid, '0', 'BILL-07'],
      [merchant.appid, SUB, 'BILL-08'],
    ]);
    expect(numbers(await bill(`bill_date=2026-03-10&sub_mchid=${SUB}`))).toEqual(['BILL-08']);
    for (const answer of [
      await ask('bill_date=2026-03-10', other),
      await ask('bill_date=2026-03-10&sub_mchid=1900000110'),
    ]) {
      expect(answer).toMatchObject({ status: 400, json: { code: 'NO_STATEMENT_EXIST' } });
    }
    const path = pathOf(await ask('bill_date=2026-03-10'));
    const stolen = await download(path, other);
    expect([stolen.answer.status, JSON.parse(stolen.bytes.toString())]).toMatchObject([
      403,
      { code: 'NO_AUTH' },
    ]);
  });

  it.each([
    ['2026-03-10', '2026-03-11T09:59:59', 'STATEMENT_CREATING'],
    ['2026-03-09', '2026-03-11T11:00:00', 'NO_STATEMENT_EXIST'],
    ['2026-03-11', '2026-03-11T11:00:00', 'PARAM_ERROR'],
    ['2026-03-12', '2026-03-11T11:00:00', 'PARAM_ERROR'],
    ['2025-12-10', '2026-03-11T00:00:01', 'PARAM_ERROR'],
    ['2025-12-11', '2026-03-11T00:00:01', 'NO_STATEMENT_EXIST'],
    ['2026-02-30', '2026-03-11T11:00:00', 'PARAM_ERROR'],
    ['20260310', '2026-03-11T11:00:00', 'PARAM_ERROR'],
    ['', '2026-03-11T11:00:00', 'PARAM_ERROR'],
    ['2026-03-10&bill_type=RECHARGE', '2026-03-11T11:00:00', 'PARAM_ERROR'],
    ['2026-03-10&tar_type=ZIP', '2026-03-11T11:00:00', 'PARAM_ERROR'],
  ])('of %s, asked for at %s, are refused: %s', async (date, time, code) => {
    await pay('BILL-09');
    now = china(time);
    const answer = await ask(`bill_date=${date}`);
    expect(answer).toMatchObject({ status: 400, json: { code } });
    expect(answer.headers['wechatpay-signature']).toBeDefined();
  });

  it('can be downloaded for five minutes, by a request that is signed', async () => {
    await pay('BILL-10');
    now += 24 * HOUR;
    const path = pathOf(await ask('bill_date=2026-03-10'));
    const unsigned = await fetch(`${emulator.url}${path}`);
    expect(unsigned.status).toBe(401);
    now += 5 * 60_000 - 1;
    expect((await download(path)).answer.status).toBe(200);
    now += 1;
    for (const place of [path, path.replace(/token=.*/, 'token=abc')]) {
      const { answer, bytes } = await download(place);
      expect(answer.status).toBe(400);
      expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'INVALID_REQUEST' });
      expect(answer.headers.get('wechatpay-signature')).toBeNull();
    }
  });

  it('are kept so many at a time', async () => {
    await pay('BILL-11');
    now += 24 * HOUR;
    const paths = [];
    for (let count = 0; count < 21; count += 1) {
      paths.push(pathOf(await ask('bill_date=2026-03-10')));
    }
    expect(new Set(paths).size).toBe(21);
    expect((await download(paths[0] ?? '')).answer.status).toBe(400);
    expect((await download(paths[1] ?? '')).answer.status).toBe(200);
  });

  it('can be changed: what they say, or their file', async () => {
    await pay('BILL-12');
    now += 24 * HOUR;
    emulator.changeBills({ text: (text) => text.replaceAll('1.00', '2.00') });
    const said = await ask('bill_date=2026-03-10');
    const { bytes } = await download(pathOf(said));
    expect(bytes.toString()).toContain('`2.00,`0.00,`');
    expect(said.json['hash_value']).toBe(createHash('sha1').update(bytes).digest('hex'));
    emulator.changeBills({ file: (file) => file.subarray(1) });
    const broken = await ask('bill_date=2026-03-10');
    const file = (await download(pathOf(broken))).bytes;
    expect(broken.json['hash_value']).not.toBe(createHash('sha1').update(file).digest('hex'));
    emulator.changeBills();
    expect(numbers(await bill())).toEqual(['BILL-12']);
  });
});
