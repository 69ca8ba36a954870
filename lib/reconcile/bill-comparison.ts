import { WechatPayBillError } from '../errors/index.js';
import type { TradeBillRow } from './trade-bill.js';

/**
 * A payment or a refund as the shop has it in its books.
 *
 * @publicApi
 */
export type ShopTrade = {
  /** Integer fen: the total of the order, or what was asked to be refunded. */
  readonly amountFen: number;
  /** The `sub_mchid` of a sub-merchant's. @default that of the comparison */
  readonly subMchid?: string | undefined;
} & (
  | { readonly outTradeNo: string; readonly outRefundNo?: undefined }
  | { readonly outRefundNo: string; readonly outTradeNo?: undefined }
);

/**
 * Where the bill and the shop's books differ.
 *
 * - `missing-in-shop`: the platform moved the money and the shop does not know.
 * - `missing-in-bill`: the shop believes in money that the platform did not move that day.
 * - `amount`: both know it, with another amount.
 * - `duplicate-in-shop`: the shop has it once more, such as an order that was credited twice.
 * - `duplicate-in-bill`: the bill has it once more, which it never should.
 *
 * @publicApi
 */
export type BillDifference = {
  readonly kind: 'payment' | 'refund';
  readonly subMchid: string | undefined;
  /** Of a refund, the order that was paid, if the bill names it. */
  readonly outTradeNo: string | undefined;
  /** Refunds only. */
  readonly outRefundNo: string | undefined;
  /** From the bill, where the shop or the amount is what is wrong. */
  readonly transactionId: string | undefined;
  readonly refundId: string | undefined;
} & (
  | {
      readonly type: 'missing-in-shop' | 'duplicate-in-bill';
      readonly billAmountFen: number;
      readonly shopAmountFen: undefined;
    }
  | {
      readonly type: 'missing-in-bill';
      readonly billAmountFen: undefined;
      readonly shopAmountFen: number;
    }
  | {
      readonly type: 'amount' | 'duplicate-in-shop';
      readonly billAmountFen: number;
      readonly shopAmountFen: number;
    }
);

/**
 * How much was compared.
 *
 * @publicApi
 */
export interface BillTotals {
  /** Rows of the bill. */
  readonly inBill: number;
  /** Entries of the shop. */
  readonly inShop: number;
}

/** How to compare. */
export interface ComparisonOptions {
  /** Whose an entry of the shop is that does not say. */
  readonly subMchid?: string | undefined;
  /** Rows of the bill that are held in memory, each some 250 bytes. @default 5000000 */
  readonly maxRows?: number | undefined;
}

const MAX_ROWS = 5_000_000;
/** By number; an amount alone once the shop has named it. */
type Group = Map<string, TradeBillRow | number>;

/**
 * Compares a bill with the shop's books. The bill is read to its end first, so that one that is damaged
 * gives an error and no difference; the shop's entries are read once, as they come, in any order. One
 * that the bill does not have at all is missing in it as often as the shop names it.
 *
 * @returns how much was compared
 * @throws {WechatPayBillError} `BILL_TOO_LARGE`
 * @throws {TypeError} when an entry of the shop has no number, or no amount in whole fen
 */
export async function* compareTradeBill(
  rows: AsyncIterable<TradeBillRow>,
  trades: AsyncIterable<ShopTrade> | Iterable<ShopTrade>,
  { subMchid: owner, maxRows = MAX_ROWS }: ComparisonOptions = {},
): AsyncGenerator<BillDifference, BillTotals, undefined> {
  const groups = new Map<string, Group>();
  const twice: TradeBillRow[] = [];
  let inBill = 0;
  for await (const row of rows) {
    inBill += 1;
    if (inBill > maxRows) throw tooLarge(maxRows);
    const name = groupOf(row.kind, row.subMchid);
    const group: Group = groups.get(name) ?? new Map();
    groups.set(name, group);
    const number = row.outRefundNo ?? row.outTradeNo;
    if (group.has(number)) twice.push(row);
    else group.set(number, row);
  }
  for (const row of twice) yield ofBill('duplicate-in-bill', row);
  let inShop = 0;
  for await (const trade of trades) {
    inShop += 1;
    const { kind, number } = readTrade(trade);
    const { amountFen: shopAmountFen, subMchid = owner } = trade;
    const group = groups.get(groupOf(kind, subMchid));
    const known = group?.get(number);
    if (typeof known === 'object') group?.set(number, known.amountFen);
    const named = ofShop(kind, number, subMchid);
    if (known === undefined) {
      yield { ...named, type: 'missing-in-bill', billAmountFen: undefined, shopAmountFen };
    } else if (typeof known === 'number') {
      yield { ...named, type: 'duplicate-in-shop', billAmountFen: known, shopAmountFen };
    } else if (known.amountFen !== shopAmountFen) {
      yield { ...ofBill('missing-in-shop', known), type: 'amount', shopAmountFen };
    }
  }
  for (const group of groups.values()) {
    for (const row of group.values()) {
      if (typeof row === 'object') yield ofBill('missing-in-shop', row);
    }
  }
  return { inBill, inShop };
}

/** Numbers are unique among those of one sub-merchant. */
function groupOf(kind: TradeBillRow['kind'], subMchid = ''): string {
  return `${kind}:${subMchid}`;
}

function readTrade(trade: ShopTrade): { kind: TradeBillRow['kind']; number: string } {
  const number = trade.outRefundNo ?? trade.outTradeNo;
  if (typeof number !== 'string' || number === '') {
    throw new TypeError('An entry of the shop must have an outTradeNo or an outRefundNo');
  }
  if (!Number.isSafeInteger(trade.amountFen)) {
    throw new TypeError('The amountFen of an entry of the shop must be a whole number of fen');
  }
  return { kind: trade.outRefundNo === undefined ? 'payment' : 'refund', number };
}

function ofBill(type: 'missing-in-shop' | 'duplicate-in-bill', row: TradeBillRow) {
  const { kind, subMchid, outTradeNo, outRefundNo, transactionId, refundId, amountFen } = row;
  const numbers = { kind, subMchid, outTradeNo, outRefundNo, transactionId, refundId };
  return { ...numbers, type, billAmountFen: amountFen, shopAmountFen: undefined };
}

function ofShop(kind: TradeBillRow['kind'], number: string, subMchid: string | undefined) {
  return {
    kind,
    subMchid,
    outTradeNo: kind === 'payment' ? number : undefined,
    outRefundNo: kind === 'refund' ? number : undefined,
    transactionId: undefined,
    refundId: undefined,
  };
}

function tooLarge(maxRows: number): WechatPayBillError {
  return new WechatPayBillError(
    'BILL_TOO_LARGE',
    `The trade bill has more than ${maxRows} rows, which are not held in memory at once: as a service provider, compare with a subMchid`,
  );
}
