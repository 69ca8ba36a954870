/** The ready route with a handler of payments, as one writes it with us. */
import { Injectable } from '@nestjs/common';
import { productUrl, wechatPayOptions } from '../support/product.mjs';

/**
 * @param paid what the handler does with a notification
 * @param more options of the module
 */
export async function readyRoute({ merchant, platform, paid, more = {} }) {
  const { OnWechatPayNotification, WechatPayModule } = await import(productUrl);

  class PaymentHandlers {
    paid(notification) {
      return paid(notification);
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
    imports: [WechatPayModule.forRoot({ ...options, ...more, notification })],
    providers: [PaymentHandlers],
  };
}
