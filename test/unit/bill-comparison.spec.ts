import { describe, expect, it } from '@jest/globals';
import {
  compareTradeBill,
  type ComparisonOptions,
  type ShopTrade,
} from '../../lib/reconcile/bill-comparison.js';
import type { TradeBillRow } from '../../lib/reconcile/trade-bill.js';
import { rejection } from '../support/merchant-context.js';
import { listOf } from '../support/trade-bills.js';

const paid = (outTradeNo: string, amountFen = 100, more: Partial<TradeBillRow> = {}) =>
  ({
    kind: 'payment',
    state: 'SUCCESS',
    outTradeNo,
    transactionId: `t-${outTradeNo}`,
    amountFen,
    ...more,
  }) as TradeBillRow;
const refunded = (outRefundNo: string, amountFen = 100, more: Partial<TradeBillRow> = {}) =>
  paid(`of-${outRefundNo}`, amountFen, {
    kind: 'refund',
    state: 'REFUND',
    outRefundNo,
    refundId: `r-${outRefundNo}`,
    ...more,
  });

async function* rowsOf(rows: readonly TradeBillRow[]) {
  yield* rows;
}
const compare = (
  rows: readonly TradeBillRow[],
  trades: Iterable<ShopTrade> | AsyncIterable<ShopTrade>,
  options?: ComparisonOptions,
) => listOf(compareTradeBill(rowsOf(rows), trades, options));

describe('a comparison of a bill with the books of a shop', () => {
  it('finds nothing where they agree, in whatever order, and says how much was compared', async () => {
    const comparison = compareTradeBill(
      rowsOf([paid('a'), refunded('a', 30), paid('b', 5, { subMchid: '1900000109' })]),
      (async function* () {
        yield { outTradeNo: 'b', amountFen: 5, subMchid: '1900000109' };
        yield { outRefundNo: 'a', amountFen: 30 };
        yield { outTradeNo: 'a', amountFen: 100 };
      })(),
    );
    await expect(comparison.next()).resolves.toEqual({
      done: true,
      value: { inBill: 3, inShop: 3 },
    });
  });

  it('finds what the shop does not know', async () => {
    await expect(compare([paid('a'), refunded('b', 30)], [])).resolves.toEqual([
      {
        type: 'missing-in-shop',
        kind: 'payment',
        subMchid: undefined,
        outTradeNo: 'a',
        outRefundNo: undefined,
        transactionId: 't-a',
        refundId: undefined,
        billAmountFen: 100,
        shopAmountFen: undefined,
      },
      {
        type: 'missing-in-shop',
        kind: 'refund',
        subMchid: undefined,
        outTradeNo: 'of-b',
        outRefundNo: 'b',
        transactionId: 't-of-b',
        refundId: 'r-b',
        billAmountFen: 30,
        shopAmountFen: undefined,
      },
    ]);
  });

  it('finds what the shop alone believes in, as often as it says so', async () => {
    const trades: ShopTrade[] = [
      { outTradeNo: 'a', amountFen: 100 },
      { outRefundNo: 'a', amountFen: 30 },
      { outRefundNo: 'a', amountFen: 30 },
    ];
    const missing = { type: 'missing-in-bill', billAmountFen: undefined };
    await expect(compare([], trades)).resolves.toMatchObject([
      { ...missing, kind: 'payment', outTradeNo: 'a', outRefundNo: undefined, shopAmountFen: 100 },
      { ...missing, kind: 'refund', outTradeNo: undefined, outRefundNo: 'a', shopAmountFen: 30 },
      { ...missing, kind: 'refund', outRefundNo: 'a', shopAmountFen: 30 },
    ]);
  });

  it('finds amounts that differ, with both and what the bill knows', async () => {
    const trades: ShopTrade[] = [
      { outTradeNo: 'a', amountFen: 101 },
      { outRefundNo: 'b', amountFen: 0 },
    ];
    await expect(compare([paid('a'), refunded('b', 30)], trades)).resolves.toMatchObject([
      { type: 'amount', transactionId: 't-a', billAmountFen: 100, shopAmountFen: 101 },
      { type: 'amount', refundId: 'r-b', billAmountFen: 30, shopAmountFen: 0 },
    ]);
  });

  it('finds what either has twice', async () => {
    const trades: ShopTrade[] = [
      { outTradeNo: 'a', amountFen: 100 },
      { outTradeNo: 'a', amountFen: 100 },
      { outTradeNo: 'b', amountFen: 100 },
    ];
    const rows = [paid('a'), paid('b'), paid('b', 7)];
    await expect(compare(rows, trades)).resolves.toMatchObject([
      { type: 'duplicate-in-bill', outTradeNo: 'b', billAmountFen: 7, shopAmountFen: undefined },
      { type: 'duplicate-in-shop', outTradeNo: 'a', billAmountFen: 100, shopAmountFen: 100 },
    ]);
  });

  it('tells a payment from a refund, and one sub-merchant from another, with the same number', async () => {
    const rows = [paid('a'), paid('a', 100, { subMchid: '1' }), refunded('a')];
    const trades: ShopTrade[] = [
      { outTradeNo: 'a', amountFen: 100 },
      { outTradeNo: 'a', amountFen: 100, subMchid: '1' },
      { outRefundNo: 'a', amountFen: 100 },
    ];
    await expect(compare(rows, trades)).resolves.toEqual([]);
    await expect(compare(rows, trades.slice(1))).resolves.toMatchObject([
      { type: 'missing-in-shop', kind: 'payment', subMchid: undefined },
    ]);
  });

  it('takes an entry that says nothing for one of the sub-merchant that is compared', async () => {
    const rows = [paid('a', 100, { subMchid: '1' })];
    const trades: ShopTrade[] = [{ outTradeNo: 'a', amountFen: 100 }];
    await expect(compare(rows, trades, { subMchid: '1' })).resolves.toEqual([]);
    await expect(compare(rows, trades)).resolves.toHaveLength(2);
  });

  it('says nothing before it has the whole bill', async () => {
    const rows = async function* () {
      yield paid('a');
      yield paid('a');
      throw new Error('cut off');
    };
    const comparison = compareTradeBill(rows(), []);
    await expect(comparison.next()).rejects.toThrow('cut off');
  });

  it('calls nothing missing in the books when they end with an error', async () => {
    const trades = async function* () {
      yield { outTradeNo: 'b', amountFen: 1 };
      throw new Error('connection lost');
    };
    const comparison = compareTradeBill(rowsOf([paid('a')]), trades());
    await expect(comparison.next()).resolves.toMatchObject({ value: { type: 'missing-in-bill' } });
    await expect(comparison.next()).rejects.toThrow('connection lost');
  });

  it('holds so many rows and no more', async () => {
    const rows = [paid('a'), paid('a'), paid('b')];
    await expect(compare(rows, [], { maxRows: 3 })).resolves.toHaveLength(3);
    await expect(rejection(compare(rows, [], { maxRows: 2 }))).resolves.toMatchObject({
      code: 'BILL_TOO_LARGE',
      isRetryable: false,
      message: expect.stringContaining('more than 2 rows'),
    });
  });

  it.each([
    {},
    { outTradeNo: '' },
    { outTradeNo: 5 },
    { outTradeNo: 'a' },
    { outTradeNo: 'a', amountFen: 1.5 },
    { outTradeNo: 'a', amountFen: '100' },
    { outRefundNo: 'a', amountFen: Number.NaN },
  ])('refuses %j as an entry of the shop', async (trade) => {
    await expect(compare([], [trade as never])).rejects.toThrow(TypeError);
    await expect(compare([], [trade as never])).rejects.toThrow(/of the shop must/);
  });
});
