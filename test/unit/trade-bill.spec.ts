import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fenOf } from '../../lib/reconcile/fen-of.js';
import { parseTradeBill } from '../../lib/reconcile/trade-bill.js';
import { rejection } from '../support/merchant-context.js';
import { BILL_COLUMNS, listOf, pieces, tradeBill, type BillCells } from '../support/trade-bills.js';

const parse = (text: string | Buffer, lengths?: readonly number[]) =>
  listOf(parseTradeBill(pieces(text, lengths)));
const failure = (text: string | Buffer) => rejection(parse(text));

const refund: BillCells = {
  交易状态: 'REFUND',
  订单金额: '0.00',
  申请退款金额: '0.30',
  微信退款单号: '5030000000000000000000000001',
  商户退款单号: 'refund-1',
  退款状态: 'PROCESSING',
};

describe('a trade bill', () => {
  it('gives its payments and its refunds', async () => {
    await expect(parse(tradeBill([{}, refund]))).resolves.toEqual([
      {
        kind: 'payment',
        state: 'SUCCESS',
        outTradeNo: 'order-1',
        transactionId: '4200000000000000000000000001',
        amountFen: 100,
      },
      {
        kind: 'refund',
        state: 'REFUND',
        outTradeNo: 'order-1',
        transactionId: '4200000000000000000000000001',
        outRefundNo: 'refund-1',
        refundId: '5030000000000000000000000001',
        amountFen: 30,
      },
    ]);
  });

  it('of a service provider says whose a row is', async () => {
    const rows = [{ 特约商户号: '1900000109' }, { 特约商户号: '0' }, { 特约商户号: '' }];
    const found = await parse(tradeBill(rows));
    expect(found.map(({ subMchid }) => subMchid)).toEqual(['1900000109', undefined, undefined]);
  });

  it('counts what was revoked as money that went back, by the order’s number if it has no other', async () => {
    const revoked = { ...refund, 交易状态: 'REVOKED' };
    const rows = [revoked, { ...revoked, 商户退款单号: '0' }, { ...revoked, 商户退款单号: '' }];
    const found = await parse(tradeBill(rows));
    expect(found.map(({ kind, state, outRefundNo }) => [kind, state, outRefundNo])).toEqual([
      ['refund', 'REVOKED', 'refund-1'],
      ['refund', 'REVOKED', 'order-1'],
      ['refund', 'REVOKED', 'order-1'],
    ]);
  });

  it.each([
    ['LF', { newline: '\n' }],
    ['no mark at its beginning', { bom: '' }],
    ['other columns in another order', { columns: [...BILL_COLUMNS].reverse().concat('新列') }],
    ['a count without a point', { count: '1' }],
    ['backticks in its header', { columns: BILL_COLUMNS.map((name) => `\`${name}`) }],
  ])('may have %s', async (_, layout) => {
    const cells = Object.fromEntries(BILL_COLUMNS.map((name) => [`\`${name}`, '']));
    const written = { '`交易状态': 'SUCCESS', '`商户订单号': 'order-1', '`订单金额': '1.00' };
    const found = await parse(tradeBill([{ ...cells, ...written }], layout));
    expect(found).toMatchObject([{ kind: 'payment', outTradeNo: 'order-1', amountFen: 100 }]);
  });

  it('may have no rows, and no header then, and empty lines', async () => {
    const empty = tradeBill([]);
    const summary = empty.slice(empty.indexOf('总交易单数'));
    for (const text of [empty, summary, `\ufeff${summary}\r\n\r\n`, summary.trimEnd()])
      await expect(parse(text)).resolves.toEqual([]);
    await expect(failure(summary.replace('`0.0', '`1.0'))).resolves.toMatchObject({
      code: 'BILL_INVALID',
    });
  });

  it('may be of any length: no row waits for the next', async () => {
    const text = tradeBill([{}, {}]);
    const taken = parseTradeBill(
      (async function* () {
        yield* pieces(text.slice(0, text.indexOf('总交易单数') - 10));
        await new Promise(() => undefined);
      })(),
    );
    await expect(taken.next()).resolves.toMatchObject({ value: { outTradeNo: 'order-1' } });
  });

  it('is read the same in whatever pieces it comes, whatever the shop and the payer wrote', async () => {
    const special = fc.constantFrom(',', '`', ',`', '"', '""', "'", '茶', '😀', '\t', '0', '0.60%');
    const text = fc.array(fc.oneof(special, fc.string({ maxLength: 3 })), { maxLength: 8 });
    const written = text.map((parts) => parts.join('').replace(/[\r\n]/g, ' '));
    const number = fc.stringMatching(/^[0-9A-Za-z_\-|*]{6,32}$/);
    const row = fc.record({
      kind: fc.constantFrom('payment' as const, 'refund' as const),
      number,
      refundNumber: fc.stringMatching(/^[A-Za-z_\-|*@][0-9A-Za-z_\-|*@]{0,63}$/),
      fen: fc.integer({ min: 0, max: 99_999_999_999 }),
      name: written,
      attach: written,
    });
    const lengths = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 6 }), lengths, async (rows, cuts) => {
        const yuan = (fen: number) =>
          `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
        const cells = rows.map(({ kind, number: no, refundNumber, fen, name, attach }) => ({
          ...(kind === 'refund' ? refund : {}),
          商户订单号: no,
          商户退款单号: kind === 'refund' ? refundNumber : '0',
          [kind === 'payment' ? '订单金额' : '申请退款金额']: yuan(fen),
          商品名称: name,
          商户数据包: attach,
        }));
        const found = await parse(tradeBill(cells), cuts);
        expect(
          found.map((one) => [one.kind, one.outTradeNo, one.outRefundNo, one.amountFen]),
        ).toEqual(
          rows.map(({ kind, number: no, refundNumber, fen }) => [
            kind,
            no,
            kind === 'refund' ? refundNumber : undefined,
            fen,
          ]),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('lets no text of a shop or a payer pass for an amount', async () => {
    const name = 'tea,`attach,`0.00,`0.60%,`9999.00,`9999.00,`';
    await expect(parse(tradeBill([{ 商品名称: name }]))).resolves.toMatchObject([
      { amountFen: 100 },
    ]);
    // where the free texts are not told apart from what is needed, such a row is refused
    const columns = ['商品名称', ...BILL_COLUMNS.filter((column) => column !== '商品名称')];
    await expect(failure(tradeBill([{ 商品名称: name }], { columns }))).resolves.toMatchObject({
      code: 'BILL_INVALID',
      message: expect.stringContaining('has other cells than columns in line 2'),
    });
  });
});

describe('a trade bill that is damaged', () => {
  const whole = tradeBill([{}, refund, { 商户订单号: 'order-2' }]);

  it('is refused wherever it is cut off', async () => {
    const bytes = Buffer.from(whole);
    // behind the count of the summary row there is nothing that is needed but the other cells
    const last = bytes.lastIndexOf(',`');
    const found = [];
    for (let length = 0; length < last; length += 1) {
      const { code, message } = await failure(bytes.subarray(0, length));
      if (code !== 'BILL_INVALID') found.push([length, message]);
    }
    expect(found).toEqual([]);
  });

  it.each([
    ['a row less than it says', tradeBill([{}], { count: '2.0' }), 'it has 1 rows and says 2'],
    ['a row more than it says', tradeBill([{}, {}], { count: '1.0' }), 'it has 2 rows and says 1'],
    ['no count', tradeBill([{}], { count: '' }), 'its summary is not whole'],
    ['half a row as its count', tradeBill([{}], { count: '1.5' }), 'its summary is not whole'],
    ['no summary', whole.slice(0, whole.indexOf('总交易单数')), 'it has no summary'],
    ['something behind its summary', `${whole}\`1\r\n`, 'goes on behind its summary'],
    ['a row with a cell less', whole.replace(',`龙井茶', ''), 'in line 2'],
    ['a row without backticks', whole.replace('`2026', '2026'), 'in line 2'],
    ['an unknown state', tradeBill([{ 交易状态: 'PAID' }]), 'unknown 交易状态 in line 2'],
    ['an order without a number', tradeBill([{ 商户订单号: '' }]), 'no 商户订单号 in line 2'],
    ['a line without an end', `${whole}\`${'x'.repeat(65_536)}`, 'longer than 65536 bytes'],
    ['an endless line', whole.replace('龙井茶', 'x'.repeat(70_000)), 'longer than 65536 bytes'],
    ['no bytes', '', 'it has no summary'],
    ['something else', '<html>Please log in</html>', '商户订单号'],
  ])('is refused: %s', async (_, text, message) => {
    const error = await failure(text);
    expect(error).toMatchObject({ name: 'WechatPayBillError', code: 'BILL_INVALID' });
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('oUpF8u');
  });

  it('is refused for a line that is too long, in one piece or without an end', async () => {
    const long = whole.replace('龙井茶', 'x'.repeat(70_000));
    await expect(rejection(parse(long, [1_000_000]))).resolves.toMatchObject({
      message: expect.stringContaining('longer than 65536 bytes'),
    });
    let taken = 0;
    const endless = async function* () {
      for (; ; taken += 1_000) yield Buffer.alloc(1_000, '`');
    };
    await expect(listOf(parseTradeBill(endless()))).rejects.toThrow('longer than 65536 bytes');
    expect(taken).toBeLessThan(70_000);
  });

  it.each(['商户订单号', '订单金额', '申请退款金额', '交易状态', '商户退款单号', '特约商户号'])(
    'is refused without the column %s, with what to do',
    async (name) => {
      const columns = BILL_COLUMNS.filter((column) => column !== name);
      const { message } = await failure(tradeBill([{}], { columns }));
      expect(message).toMatch(new RegExp(`has no column ${name}: .*产品中心`));
    },
  );

  it.each(['', '1.001', '1.005', '-1.00', '+1', '1,000.00', '1e3', ' 1.00', '1.', '.5', 'NaN'])(
    'is refused with the amount %j',
    async (amount) => {
      await expect(failure(tradeBill([{ 订单金额: amount }]))).resolves.toMatchObject({
        code: 'BILL_INVALID',
        message: expect.stringContaining('no amount of whole fen, 订单金额, in line 2'),
      });
    },
  );
});

describe('an amount of a bill', () => {
  it.each([
    ['0', 0],
    ['0.00', 0],
    ['0.1', 10],
    ['0.29', 29],
    ['1.15', 115],
    ['12', 1200],
    ['007.10', 710],
    ['0.30000', 30],
    ['999999999999.99', 99_999_999_999_999],
    ['1000000000000', undefined],
    ['0.300001', undefined],
    ['１', undefined],
  ])('%s yuan is %s fen', (text, fen) => expect(fenOf(text)).toBe(fen));
});
