/** The route as one writes it with us. */
import { Controller, Post } from '@nestjs/common';
import { productUrl, wechatPayOptions } from '../../support/product.mjs';

export async function makeRoute({ merchant, platform, onPaid }) {
  const { WechatPayModule, WechatPayNotify, WechatPayNotification } = await import(productUrl);

  class NotifyController {
    notify(notification) {
      onPaid(notification.payload);
    }
  }
  const { prototype } = NotifyController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'notify');
  Post()(prototype, 'notify', descriptor);
  WechatPayNotify()(prototype, 'notify', descriptor);
  WechatPayNotification()(prototype, 'notify', 0);
  Controller('wechatpay/notify')(NotifyController);
  // Nothing is called at this address: the route only receives.
  const baseUrl = 'http://127.0.0.1:9';
  const options = wechatPayOptions({ baseUrl, merchant, platform });
  return { imports: [WechatPayModule.forRoot(options)], controller: NotifyController };
}
