import {
  billColumns,
  summaryColumns,
  type BillType,
  type SummaryColumn,
} from './bill-columns.data.js';
import { yuan, type BillEntry } from './bill-row.js';

/**
 * A bill as the platform writes it: a mark at its beginning, CRLF, a backtick before every cell but those
 * of the headers, no quotes.
 *
 * @see WeChat Pay APIv3 docs: 交易账单详细说明
 * @internal
 */
export function billText(type: BillType, entries: readonly BillEntry[]): string {
  const columns = billColumns[type];
  const rows = entries.map(({ cells }) => line(columns.map((column) => cells[column])));
  const totals = summary(entries);
  const sums = summaryColumns[type].map((column) => totals[column]);
  const lines = [columns.join(','), ...rows, summaryColumns[type].join(','), line(sums)];
  return `\ufeff${lines.join('\r\n')}\r\n`;
}

function line(cells: readonly string[]): string {
  return cells.map((cell) => `\`${cell.replace(/[\r\n]+/g, ' ')}`).join(',');
}

function summary(entries: readonly BillEntry[]): Record<SummaryColumn, string> {
  const sum = (name: 'paidFen' | 'refundFen' | 'feeFen'): string =>
    yuan(entries.reduce((total, entry) => total + entry[name], 0));
  return {
    总交易单数: `${entries.length}.0`,
    应结订单总金额: sum('paidFen'),
    退款总金额: sum('refundFen'),
    充值券退款总金额: '0.00',
    手续费总金额: `${sum('feeFen')}000`,
    订单总金额: sum('paidFen'),
    申请退款总金额: sum('refundFen'),
  };
}
