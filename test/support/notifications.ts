import type {
  EmulatorNotificationOverrides,
  EmulatorSignedNotification,
  WechatPayEmulator,
} from 'nestjs-wechatpay-emulator';

/** What the platform sends when an order has been paid. */
export function paidOrder(
  emulator: WechatPayEmulator,
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    mchid: emulator.mchid,
    appid: emulator.appid,
    out_trade_no: 'order-0001',
    transaction_id: '4200000000000000000000000001',
    trade_type: 'NATIVE',
    trade_state: 'SUCCESS',
    trade_state_desc: '支付成功',
    success_time: '2026-01-01T00:00:00+08:00',
    payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
    amount: { total: 100, payer_total: 100, currency: 'CNY', payer_currency: 'CNY' },
    ...changes,
  };
}

/** A genuine notification of a paid order, with what a test wants otherwise. */
export function paidNotification(
  emulator: WechatPayEmulator,
  overrides: EmulatorNotificationOverrides = {},
  changes: Readonly<Record<string, unknown>> = {},
): EmulatorSignedNotification {
  return emulator.createNotification(
    'TRANSACTION.SUCCESS',
    paidOrder(emulator, changes),
    overrides,
  );
}
