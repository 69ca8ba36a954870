/** The route as one writes it without us: verify, decrypt and `JSON.parse` in the controller. */
import { createDecipheriv, createPublicKey, verify } from 'node:crypto';
import { Body, Controller, HttpCode, Post, Req, UnauthorizedException } from '@nestjs/common';

export function makeRoute({ merchant, platform, onPaid }) {
  const publicKey = createPublicKey(platform.publicKey);
  const apiV3Key = Buffer.from(merchant.apiV3Key);

  class NotifyController {
    notify(request, notification) {
      const { headers, rawBody } = request;
      const timestamp = headers['wechatpay-timestamp'];
      const message = `${timestamp}\n${headers['wechatpay-nonce']}\n${rawBody.toString()}\n`;
      const signature = Buffer.from(headers['wechatpay-signature'] ?? '', 'base64');
      if (
        !(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300) ||
        headers['wechatpay-serial'] !== platform.id ||
        !verify('sha256', Buffer.from(message), publicKey, signature)
      ) {
        throw new UnauthorizedException({ code: 'FAIL', message: 'not genuine' });
      }
      const { ciphertext, nonce, associated_data: associatedData } = notification.resource;
      const sealed = Buffer.from(ciphertext, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', apiV3Key, nonce, { authTagLength: 16 });
      decipher.setAAD(Buffer.from(associatedData ?? ''));
      decipher.setAuthTag(sealed.subarray(-16));
      const plaintext = decipher.update(sealed.subarray(0, -16), undefined, 'utf8');
      onPaid(JSON.parse(plaintext + decipher.final('utf8')));
    }
  }
  const { prototype } = NotifyController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'notify');
  Post()(prototype, 'notify', descriptor);
  HttpCode(204)(prototype, 'notify', descriptor);
  Req()(prototype, 'notify', 0);
  Body()(prototype, 'notify', 1);
  Controller('wechatpay/notify')(NotifyController);
  return { controller: NotifyController };
}
