import type { RefundPayload } from 'nestjs-wechatpay';

/** What the customer sees of an order. Money is integer fen, times are ISO 8601. */
export interface Order {
  readonly outTradeNo: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly amountFen: number;
  readonly codeUrl: string;
  readonly createdAt: string;
  readonly state: 'NOTPAY' | 'SUCCESS' | 'REFUND';
  readonly transactionId?: string;
  readonly paidAt?: string;
  /** Missing before a refund was asked for; otherwise as the platform spells it. */
  readonly refund?: 'PROCESSING' | RefundPayload['refund_status'];
  readonly refundedAt?: string;
}
