/** The columns of a bill of type `ALL`, as the platform orders them. */
export const BILL_COLUMNS =
  '交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注'.split(
    ',',
  );
const SUMMARY_COLUMNS =
  '总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额';

/** Cells of a row by their columns; what is not named is as the platform writes it. */
export type BillCells = Readonly<Record<string, string>>;

const PAYMENT: BillCells = {
  交易时间: '2026-01-02 10:00:00',
  公众账号ID: 'wxtest0000000001',
  商户号: '1900009191',
  特约商户号: '0',
  微信订单号: '4200000000000000000000000001',
  商户订单号: 'order-1',
  用户标识: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
  交易类型: 'NATIVE',
  交易状态: 'SUCCESS',
  付款银行: 'OTHERS',
  货币种类: 'CNY',
  应结订单金额: '1.00',
  微信退款单号: '0',
  商户退款单号: '0',
  商品名称: '龙井茶',
  费率: '0.60%',
  订单金额: '1.00',
  申请退款金额: '0.00',
};

/** How a bill differs from a usual one. */
export interface BillLayout {
  readonly columns?: readonly string[];
  readonly newline?: string;
  readonly bom?: string;
  /** 总交易单数. @default that of the rows, as `2.0` */
  readonly count?: string;
}

/** A bill as the platform writes it; written for tests, apart from the emulator's. */
export function tradeBill(
  rows: readonly BillCells[],
  { columns = BILL_COLUMNS, newline = '\r\n', bom = '\ufeff', count }: BillLayout = {},
): string {
  const lines = [
    columns.join(','),
    ...rows.map((row) => {
      const cells: BillCells = { ...PAYMENT, ...row };
      return columns.map((column) => `\`${cells[column] ?? ''}`).join(',');
    }),
    SUMMARY_COLUMNS,
    `\`${count ?? `${rows.length}.0`},\`1.00,\`0.00,\`0.00,\`0.01000,\`1.00,\`0.00`,
  ];
  return `${bom}${lines.join(newline)}${newline}`;
}

/** A text in pieces of these lengths, over and over; a length may cut a character. */
export async function* pieces(text: string | Buffer, lengths: readonly number[] = [1_000]) {
  const bytes = Buffer.from(text);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    yield Uint8Array.from(bytes.subarray(at, at + length));
    at += length;
  }
}

/** Everything that there is. */
export async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
