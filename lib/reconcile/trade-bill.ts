import { WechatPayBillError } from '../errors/index.js';
import { billLines } from './bill-lines.js';
import { BillTable, columnNames, type CellReader } from './bill-table.js';
import { fenOf } from './fen-of.js';

const STATES = ['SUCCESS', 'REFUND', 'REVOKED'] as const;

/**
 * A row of a trade bill: money that came (交易状态 `SUCCESS`), or went back (`REFUND`, and `REVOKED`: 撤销
 * of a payment by code, 付款码支付).
 */
export interface TradeBillRow {
  readonly kind: 'payment' | 'refund';
  readonly state: (typeof STATES)[number];
  /** Of a refund, the order that was paid. */
  readonly outTradeNo: string;
  readonly transactionId: string;
  /** Refunds only. The order's own number where the bill names none, as of an order that was revoked. */
  readonly outRefundNo?: string;
  readonly refundId?: string;
  readonly subMchid?: string;
  /** 订单金额 of a payment, 申请退款金额 of a refund. */
  readonly amountFen: number;
}

const NEEDED = [
  '特约商户号',
  '微信订单号',
  '商户订单号',
  '交易状态',
  '微信退款单号',
  '商户退款单号',
  '订单金额',
  '申请退款金额',
] as const;
/** What shops and payers write. */
const FREE_TEXTS = ['商品名称', '商户数据包'];
const COUNT = '总交易单数';
const SUMMARY = new RegExp(`^\`?${COUNT}`);

type Cell = CellReader<(typeof NEEDED)[number]>;

/**
 * Reads a trade bill of type `ALL` as it comes. Columns are found by their names, whichever there are
 * beside those that are needed. Whoever reads it must come to its end: only then is it known to be whole.
 *
 * @param pieces UTF-8, uncompressed, in pieces of any length
 * @throws {WechatPayBillError} `BILL_INVALID` for a bill that is damaged, cut off, or of another kind
 * @see Source: 微信支付 交易账单详细说明, read 2026-10
 */
export async function* parseTradeBill(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<TradeBillRow, void> {
  let table: BillTable<(typeof NEEDED)[number]> | undefined;
  let summary: BillTable<typeof COUNT> | undefined;
  let count: number | undefined;
  let rows = 0;
  let number = 0;
  for await (const line of billLines(pieces)) {
    number += 1;
    if (line.length === 0) continue;
    if (count !== undefined) throw invalid(`goes on behind its summary, in line ${number}`);
    if (summary) count = countOf(summary, line);
    else if (SUMMARY.test(line.toString('utf8', 0, 32))) {
      summary = new BillTable(columnNames(line), [COUNT]);
    } else if (!table) table = tableOf(line);
    else {
      rows += 1;
      yield rowOf(table.cells(line), number);
    }
  }
  if (count === undefined) throw invalid('is cut off: it has no summary');
  if (count !== rows) throw invalid(`is cut off: it has ${rows} rows and says ${count}`);
}

function tableOf(header: Buffer): BillTable<(typeof NEEDED)[number]> {
  const table = new BillTable(columnNames(header), NEEDED, FREE_TEXTS);
  if (table.missing.length === 0) return table;
  throw new WechatPayBillError(
    'BILL_INVALID',
    `The trade bill has no column ${table.missing.join(', ')}: it must be a bill of type ALL in the present form; in the merchant platform, 产品中心, 免充值优惠券 changes an old one`,
  );
}

/** It may print as `45.0`. */
function countOf(summary: BillTable<typeof COUNT>, line: Buffer): number {
  const [, digits] = /^(\d{1,15})(?:\.0+)?$/.exec(summary.cells(line)?.(COUNT) ?? '') ?? [];
  if (digits === undefined) throw invalid('is cut off: its summary is not whole');
  return Number(digits);
}

function rowOf(cell: Cell | undefined, number: number): TradeBillRow {
  if (!cell) throw invalid(`has other cells than columns in line ${number}`);
  const written = cell('交易状态');
  const state = STATES.find((known) => known === written);
  if (!state) throw invalid(`has an unknown 交易状态 in line ${number}`);
  const kind = state === 'SUCCESS' ? 'payment' : 'refund';
  const column = kind === 'payment' ? '订单金额' : '申请退款金额';
  const amountFen = fenOf(cell(column));
  if (amountFen === undefined)
    throw invalid(`has no amount of whole fen, ${column}, in line ${number}`);
  const outTradeNo = cell('商户订单号');
  if (outTradeNo === '') throw invalid(`has no 商户订单号 in line ${number}`);
  const subMchid = given(cell('特约商户号'));
  return {
    kind,
    state,
    outTradeNo,
    transactionId: cell('微信订单号'),
    amountFen,
    ...(subMchid !== undefined && { subMchid }),
    ...(kind === 'refund' && {
      outRefundNo: given(cell('商户退款单号')) ?? outTradeNo,
      refundId: cell('微信退款单号'),
    }),
  };
}

/** What there is none of is empty or `0`. */
function given(text: string): string | undefined {
  return text === '' || text === '0' ? undefined : text;
}

function invalid(what: string): WechatPayBillError {
  return new WechatPayBillError(
    'BILL_INVALID',
    `The trade bill ${what}: download it again, and tell the platform's support if it stays so`,
  );
}
