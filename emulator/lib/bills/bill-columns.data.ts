/** What a bill may be about. @see WeChat Pay APIv3 docs: 申请交易账单, bill_type */
export type BillType = 'ALL' | 'SUCCESS' | 'REFUND';

const beginning = [
  '交易时间',
  '公众账号ID',
  '商户号',
  '特约商户号',
  '设备号',
  '微信订单号',
  '商户订单号',
  '用户标识',
  '交易类型',
  '交易状态',
  '付款银行',
  '货币种类',
  '应结订单金额',
  '代金券金额',
] as const;
const refund = [
  '微信退款单号',
  '商户退款单号',
  '退款金额',
  '充值券退款金额',
  '退款类型',
  '退款状态',
] as const;
const texts = ['商品名称', '商户数据包', '手续费', '费率', '订单金额'] as const;

/**
 * The columns of each type, in the order of the platform.
 *
 * @see WeChat Pay APIv3 docs: 交易账单详细说明
 * @internal
 */
export const billColumns = {
  ALL: [...beginning, ...refund, ...texts, '申请退款金额', '费率备注'],
  SUCCESS: [...beginning, ...texts, '费率备注'],
  REFUND: [
    ...beginning,
    '退款申请时间',
    '退款成功时间',
    ...refund,
    ...texts,
    '申请退款金额',
    '费率备注',
  ],
} as const;

/** Every column there is. @internal */
export type BillColumn = (typeof billColumns)[BillType][number];

const withRefunds = [
  '总交易单数',
  '应结订单总金额',
  '退款总金额',
  '充值券退款总金额',
  '手续费总金额',
  '订单总金额',
  '申请退款总金额',
] as const;

/** The columns of the summary. @internal */
export const summaryColumns = {
  ALL: withRefunds,
  SUCCESS: ['总交易单数', '应结订单总金额', '手续费总金额', '订单总金额'],
  REFUND: withRefunds,
} as const;

/** Every column of a summary. @internal */
export type SummaryColumn = (typeof withRefunds)[number];
