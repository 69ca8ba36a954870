/** The whole way: ready route, guard, inbox in memory, dispatch, typed handler. */
import { Injectable } from '@nestjs/common';
import { productUrl, wechatPayOptions } from '../../support/product.mjs';

export async function makeRoute({ merchant, platform, onPaid }) {
  const { OnWechatPayNotification, WechatPayModule } = await import(productUrl);

  class PaymentHandlers {
    paid({ payload }) {
      onPaid(payload);
    }
  }
  const { prototype } = PaymentHandlers;
  OnWechatPayNotification('TRANSACTION.SUCCESS')(
    prototype,
    'paid',
    Object.getOwnPropertyDescriptor(prototype, 'paid'),
  );
  Injectable()(PaymentHandlers);
  // Nothing is called at this address: the route only receives.
  const options = wechatPayOptions({ baseUrl: 'http://127.0.0.1:9', merchant, platform });
  const notification = { path: '/wechatpay/notify' };
  return {
    imports: [WechatPayModule.forRoot({ ...options, notification })],
    providers: [PaymentHandlers],
  };
}
