import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, HttpCode, Module, Post, type Type } from '@nestjs/common';
import {
  WechatPayMerchantsModule,
  WechatPayModule,
  WechatPayNotify,
  type WechatPayMerchantsOptions,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { testOptions, rejection } from '../support/merchant-context.js';
import { NotifyApp } from '../support/notify-app.js';

const RIGHT = 204;

/** A controller whose decorators a test chooses. */
function controller(
  ofMethod: readonly MethodDecorator[],
  ofClass: readonly ClassDecorator[] = [],
): Type {
  class ShopController {
    paid(): void {}
  }
  const method = Object.getOwnPropertyDescriptor(ShopController.prototype, 'paid');
  for (const decorate of [Post('notify'), ...ofMethod]) {
    decorate(ShopController.prototype, 'paid', method as PropertyDescriptor);
  }
  for (const decorate of [Controller('wechatpay'), ...ofClass]) decorate(ShopController);
  return ShopController;
}

describe('a notification route that can never work', () => {
  let options: WechatPayOptions;
  const started: NotifyApp[] = [];

  beforeAll(() => {
    options = testOptions({ baseUrl: 'http://127.0.0.1:9' });
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((app) => app.close()));
  });

  async function start(
    names: readonly string[],
    controllers: readonly Type[],
    merchants?: WechatPayMerchantsOptions,
  ): Promise<NotifyApp> {
    @Module({
      imports: [
        ...names.map((name) => WechatPayModule.forRoot({ ...options, name })),
        ...(merchants ? [WechatPayMerchantsModule.forRoot(merchants)] : []),
      ],
      controllers: [...controllers],
    })
    class AppModule {}
    const app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' });
    started.push(app);
    return app;
  }
  const refused = async (names: readonly string[], ...controllers: Type[]): Promise<string[]> => {
    const error = await rejection(start(names, controllers));
    expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' });
    return error['problems'] as string[];
  };

  it('names no merchant, and there are several of which none is the default', async () => {
    const several =
      'Several merchants are registered ("shop-a", "shop-b"): say which one, @WechatPayNotify({ merchant: \'…\' })';
    const names = ['shop-a', 'shop-b'];
    const ofMethod = await refused(names, controller([WechatPayNotify()]));
    expect(ofMethod).toEqual([
      `@WechatPayNotify() of ShopController.paid names no merchant. ${several}`,
    ]);
    expect(await refused(names, controller([], [WechatPayNotify()]))).toEqual(ofMethod);
    const replaced = controller([WechatPayNotify()], [WechatPayNotify({ merchant: 'shop-a' })]);
    expect(await refused(names, replaced)).toEqual(ofMethod);
  });

  it('but may name none when there is a default merchant, or only one', async () => {
    const unnamed = controller([WechatPayNotify()]);
    await start(['default', 'shop-b'], [unnamed]);
    await start(['shop-a'], [unnamed]);
  });

  it('but may name one by a text, by a function, or by its class', async () => {
    const any = (): string => 'shop-a';
    await start(
      ['shop-a', 'shop-b'],
      [
        controller([WechatPayNotify({ merchant: 'shop-a' })]),
        controller([WechatPayNotify({ merchant: any })]),
        controller([WechatPayNotify({ merchant: any })], [WechatPayNotify()]),
        controller([], [WechatPayNotify({ merchant: 'shop-b' })]),
        controller([]), // no notification route
      ],
    );
  });

  it('but is only warned of where merchants are resolved', async () => {
    const merchants = { resolve: () => undefined };
    const app = await start(['shop-a', 'shop-b'], [controller([WechatPayNotify()])], merchants);
    expect(app.logger.textOf('warn')).toContain(
      '@WechatPayNotify() of ShopController.paid names no merchant',
    );
  });

  it.each([201, 202, 302, 500])(
    'answers %s, which the platform takes for a failure',
    async (code) => {
      const problem = new RegExp(
        `^ShopController.paid answers ${code} to a notification, which the platform sends again for a day: take out @HttpCode`,
      );
      for (const wrong of [
        controller([WechatPayNotify(), HttpCode(code)]),
        controller([HttpCode(code), WechatPayNotify()]),
        controller([HttpCode(code)], [WechatPayNotify()]),
      ]) {
        expect(await refused(['default'], wrong)).toEqual([expect.stringMatching(problem)]);
      }
    },
  );

  it('answers 201, because a method was overridden without a code', async () => {
    @Controller('wechatpay')
    @WechatPayNotify()
    class Base {
      @Post('notify')
      paid(): void {}
    }
    @Controller('wechatpay/own')
    class Own extends Base {
      @Post('notify')
      override paid(): void {}
    }
    expect(await refused(['default'], Own)).toEqual([
      expect.stringMatching(/^Own.paid answers 201 .* take out @HttpCode, or decorate Own itself/),
    ]);
  });

  it('but may answer 200 or 204, and other routes whatever they like', async () => {
    class OtherController {
      @Post('orders')
      @HttpCode(202)
      order(): void {}

      @Get('orders')
      orders(): void {}
    }
    Controller('shop')(OtherController);
    const app = await start(
      ['default'],
      [
        controller([WechatPayNotify(), HttpCode(200)]),
        controller([WechatPayNotify(), HttpCode(RIGHT)]),
        OtherController,
      ],
    );
    expect(app.logger.textOf('warn')).toBe('');
  });

  it('is told with all that is wrong beside it', async () => {
    const both = controller([WechatPayNotify(), HttpCode(202)]);
    const lost = controller([WechatPayNotify({ merchant: 'shop-x' })]);
    expect(await refused(['shop-a', 'shop-b'], both, lost)).toHaveLength(3);
  });
});
