import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConflictException,
  Controller,
  Get,
  HttpCode,
  HttpException,
  Injectable,
  Module,
  Post,
  Res,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { WechatPayModule, WechatPayNotification, WechatPayNotify } from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidNotification } from '../support/notifications.js';
import { COMBINATIONS, NotifyApp, type Answer } from '../support/notify-app.js';

const received: unknown[] = [];
let isAdmitted = true;

@Controller('wechatpay/class')
@WechatPayNotify()
class WholeController {
  @Post('notify')
  handle(@WechatPayNotification() notification: unknown): string {
    received.push(notification);
    return 'ignored';
  }

  @Post('accepted')
  @HttpCode(200)
  accept(@WechatPayNotification() notification: unknown): object {
    received.push(notification);
    return { code: 'SUCCESS' };
  }

  @Get('notify')
  read(): void {
    received.push('read');
  }
}

abstract class Inherited {
  get broken(): never {
    throw new Error('a getter of the base class was run');
  }

  @Post('inherited')
  handle(@WechatPayNotification() notification: unknown): void {
    received.push(notification);
  }
}

@Controller('wechatpay/class')
@WechatPayNotify()
class InheritingController extends Inherited {}

@Controller('wechatpay/plain')
class PlainController extends Inherited {}

@Controller('wechatpay')
class FailingController {
  @Post('throws')
  @WechatPayNotify()
  throws(): void {
    throw new TypeError('the database is down: password hunter2');
  }

  @Post('rejects')
  @WechatPayNotify()
  async rejects(): Promise<void> {
    return Promise.reject(new Error('hunter2'));
  }

  @Post('throws-text')
  @WechatPayNotify()
  throwsText(): void {
    // eslint-disable-next-line no-throw-literal
    throw 'hunter2' as unknown;
  }

  @Post('conflict')
  @WechatPayNotify()
  conflict(): void {
    throw new ConflictException('hunter2');
  }

  @Post('status/:status')
  @WechatPayNotify()
  pretends(@WechatPayNotification() { payload }: { payload: { attach: string } }): void {
    throw new HttpException('hunter2', Number(payload.attach));
  }

  @Post('nobody')
  @WechatPayNotify({ merchant: () => undefined as never })
  nobody(@WechatPayNotification() notification: unknown): void {
    received.push(notification);
  }

  @Post('answered')
  @WechatPayNotify()
  answers(@Res() response: { status(code: number): { send(text: string): unknown } }): void {
    response.status(200).send('ok');
    throw new Error('too late');
  }
}

/** Imports nothing of ours. */
@Module({
  controllers: [WholeController, InheritingController, PlainController, FailingController],
})
class FeatureModule {}

@Injectable()
class Admission implements CanActivate {
  canActivate(): boolean {
    return isAdmitted;
  }
}

@Injectable()
class PassThrough implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

describe.each(COMBINATIONS)('the answer of a route on %s with %s', (platform, mode) => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    @Module({
      imports: [WechatPayModule.forRoot(emulator.options()), FeatureModule],
      providers: [
        { provide: APP_GUARD, useClass: Admission },
        { provide: APP_INTERCEPTOR, useClass: PassThrough },
        { provide: APP_PIPE, useValue: { transform: (value: unknown) => value } },
      ],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, {
      platform,
      rawBody: mode,
      path: '/api/v1/wechatpay',
      configure: (created) => created.setGlobalPrefix('api/v1'),
    });
  });

  beforeEach(() => {
    received.length = 0;
    isAdmitted = true;
    app.logger.clear();
  });

  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  const send = (path: string, changes?: Readonly<Record<string, unknown>>): Promise<Answer> =>
    app.post({
      ...paidNotification(emulator, {}, changes),
      path: `/api/v1/wechatpay/${path}`,
    });

  it('is 204 for a method of a decorated controller', async () => {
    expect(await send('class/notify')).toMatchObject({ status: 204, text: '' });
    expect(received).toHaveLength(1);
  });

  it('is 204 for a method that a decorated controller inherits', async () => {
    expect(await send('class/inherited')).toMatchObject({ status: 204, text: '' });
    expect(received).toHaveLength(1);
  });

  it('is as before for another controller that inherits the same method', async () => {
    expect((await send('plain/inherited')).status).toBe(500);
    expect(app.logger.textOf('error')).toContain('@WechatPayNotification() needs');
    expect(received).toEqual([]);
  });

  it('is the status that a method asks for with @HttpCode', async () => {
    expect(await send('class/accepted')).toMatchObject({ status: 200, json: { code: 'SUCCESS' } });
  });

  it('is a refusal for every method of a decorated controller', async () => {
    const answer = await app.post({
      headers: {},
      body: '',
      method: 'GET',
      path: '/api/v1/wechatpay/class/notify',
    });
    expect(answer).toMatchObject({ status: 415, json: { code: 'FAIL' } });
    expect(received).toEqual([]);
  });

  it('is a refusal for a request without a body or a length', async () => {
    const answer = await fetch(`${app.url}/api/v1/wechatpay/class/notify`, {
      headers: { 'content-type': 'application/json' },
    });
    expect([answer.status, await answer.json()]).toEqual([
      401,
      { code: 'FAIL', message: '验签失败' },
    ]);
    expect(received).toEqual([]);
  });

  it.each(['throws', 'rejects', 'throws-text'])(
    'is 500 for a handler that fails (%s), logged once and told to nobody',
    async (path) => {
      const answer = await send(path);
      expect(answer).toMatchObject({ status: 500, json: { code: 'FAIL', message: '处理失败' } });
      expect(answer.text).not.toContain('hunter2');
      expect(app.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      expect(app.logger.textOf('error')).toContain('will deliver it again');
      if (path !== 'throws-text') expect(app.logger.textOf('error')).toContain('hunter2');
    },
  );

  it('is the error status that a handler chooses, in the form the platform knows', async () => {
    const answer = await send('conflict');
    expect(answer).toMatchObject({ status: 409, json: { code: 'FAIL', message: '处理失败' } });
    expect(answer.text).not.toContain('hunter2');
    expect(app.logger.textOf('error')).toBe('');
    const warnings = app.logger.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      {
        level: 'warn',
        text: '[default] A notification of TRANSACTION.SUCCESS was answered 409, as its handler asks; the platform will deliver it again WechatPayNotifyFilter',
      },
    ]);
  });

  it.each([
    '200',
    '201',
    '202',
    '204',
    '206',
    '301',
    '302',
    '304',
    '100',
    '0',
    'NaN',
    '-1',
    '404.5',
    '1000',
  ])('is never success for an exception of status %s', async (attach) => {
    const answer = await send('status/x', { attach });
    expect(answer).toMatchObject({ status: 500, json: { code: 'FAIL', message: '处理失败' } });
    expect(app.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('stays what a handler has sent itself before it failed', async () => {
    expect(await send('answered')).toMatchObject({ status: 200, text: 'ok' });
    expect(app.logger.textOf('error')).toContain('too late');
    expect((await send('class/notify')).status).toBe(204);
  });

  it('is a refusal when a route finds no merchant, not even the only one', async () => {
    expect(await send('nobody')).toMatchObject({ status: 401, json: { code: 'FAIL' } });
    expect(received).toEqual([]);
  });

  it('is a refusal when a guard of the application refuses', async () => {
    isAdmitted = false;
    const answer = await send('class/notify');
    expect(answer).toMatchObject({ status: 403, json: { code: 'FAIL' } });
    expect(received).toEqual([]);
    expect(app.logger.textOf('log', 'warn', 'error', 'fatal')).toBe(''); // anybody can ask
  });
});
