import { describe, expect, it } from '@jest/globals';
import { Get, Post, SetMetadata } from '@nestjs/common';
import { MetadataScanner, Reflector } from '@nestjs/core';
import { NOTIFY_OPTIONS } from '../../lib/notification/receivers.js';
import { notifyRoutes } from '../../lib/notification/notify-routes.js';

class Shop {
  @Get('ping')
  @SetMetadata(NOTIFY_OPTIONS, { merchant: 'a' })
  ping(): void {}

  @Post('paid')
  @SetMetadata(NOTIFY_OPTIONS, { merchant: 'b' })
  paid(): void {}

  @Post('other')
  other(): void {}

  helper(): void {}
}

describe('the notification routes of an application', () => {
  it('are those that ask for it, with the status that Nest would answer', () => {
    const discovery = { getControllers: () => [{ metatype: Shop }] };
    expect(notifyRoutes(discovery as never, new MetadataScanner(), new Reflector())).toEqual([
      { type: 'Shop', method: 'ping', options: { merchant: 'a' }, status: 200 },
      { type: 'Shop', method: 'paid', options: { merchant: 'b' }, status: 201 },
    ]);
  });
});
