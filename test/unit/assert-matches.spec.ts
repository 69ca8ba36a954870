import { describe, expect, it } from '@jest/globals';
import {
  assertMatchesOrder,
  assertMatchesRefund,
  type ExpectedOrder,
  type ExpectedRefund,
  type RefundPayload,
  type TransactionPayload,
} from 'nestjs-wechatpay';
import { paymentEvent } from '../../lib/reconcile/final-state.js';

const paid = {
  mchid: '1900000001',
  appid: 'wx0000000000000001',
  out_trade_no: 'A-1',
  trade_state: 'SUCCESS',
  amount: { total: 100, payer_total: 90, currency: 'CNY', payer_currency: 'CNY' },
} as TransactionPayload;
const order: ExpectedOrder = { totalFen: 100, appid: 'wx0000000000000001', mchid: '1900000001' };
const refunded = {
  out_trade_no: 'A-1',
  out_refund_no: 'R-1',
  amount: { total: 100, refund: 30, payer_total: 90, payer_refund: 27 },
} as RefundPayload;
const refund: ExpectedRefund = { refundFen: 30, totalFen: 100, outTradeNo: 'A-1' };

describe('a payment', () => {
  it('that is the order’s passes, with all or little that is known of it', () => {
    assertMatchesOrder(paid, order);
    assertMatchesOrder(paid, { totalFen: 100 });
  });

  it('that was refunded since passes: it was paid, as the reconciler says', () => {
    const { mchid } = paid;
    const queried = { ...paid, mchid: undefined, trade_state: 'REFUND' };
    const found = paymentEvent(queried, { mchid: String(mchid), subMchid: undefined });
    expect(found?.eventType).toBe('TRANSACTION.SUCCESS');
    assertMatchesOrder(found?.payload as never, order);
    expect(() => assertMatchesOrder(found?.payload as never, { ...order, totalFen: 1 })).toThrow(
      'amount.total is 100, not 1',
    );
  });

  it('of a sub-merchant is compared with what it was placed with', () => {
    const { mchid: _m, appid: _a, ...rest } = paid;
    const partner = { ...rest, sp_appid: 'wx9', sp_mchid: '19', sub_mchid: '1900000109' };
    assertMatchesOrder(partner as never, { totalFen: 100, appid: 'wx9', mchid: '1900000109' });
  });

  it.each<[string, object, Partial<ExpectedOrder>]>([
    ['amount.total is 1, not 100', { amount: { ...paid.amount, total: 1 } }, {}],
    ['amount.total is 100, not 99', {}, { totalFen: 99 }],
    ['amount.currency is USD, not CNY', { amount: { ...paid.amount, currency: 'USD' } }, {}],
    ['appid is wx2, not wx0000000000000001', { appid: 'wx2' }, {}],
    ['mchid is 1900000002, not 1900000001', { mchid: '1900000002' }, {}],
    ['trade_state is CLOSED, not SUCCESS', { trade_state: 'CLOSED' }, {}],
    ['amount.total is undefined, not 100', { amount: undefined }, {}],
  ])('is refused: %s', (words, changes, expected) => {
    expect(() =>
      assertMatchesOrder({ ...paid, ...changes } as never, { ...order, ...expected }),
    ).toThrow(
      expect.objectContaining({
        code: 'NOTIFICATION_MISMATCH',
        message: expect.stringContaining(words),
        isRetryable: false,
      }),
    );
  });

  it.each([undefined, Number.NaN, 1.5, '100', null])(
    'is compared with no amount %j',
    (totalFen) => {
      expect(() => assertMatchesOrder(paid, { totalFen } as never)).toThrow(TypeError);
    },
  );

  it('brings nothing into the log that is not short and plain', () => {
    const hostile = { ...paid, out_trade_no: `x\n${'y'.repeat(500)}`, trade_state: '\u001b[31m' };
    let message = '';
    try {
      assertMatchesOrder(hostile, order);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.length).toBeLessThan(400);
    expect(message).not.toMatch(/[\n\p{Cc}]/u);
  });
});

describe('a refund', () => {
  it('that is yours passes', () => {
    assertMatchesRefund(refunded, refund);
    assertMatchesRefund(refunded, { refundFen: 30 });
  });

  it.each<[string, Partial<ExpectedRefund>]>([
    ['amount.refund is 30, not 31', { refundFen: 31 }],
    ['amount.total is 100, not 101', { totalFen: 101 }],
    ['out_trade_no is A-1, not A-2', { outTradeNo: 'A-2' }],
  ])('is refused: %s', (words, changes) => {
    expect(() => assertMatchesRefund(refunded, { ...refund, ...changes })).toThrow(words);
  });
});
