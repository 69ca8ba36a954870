import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  ForbiddenException,
  Inject,
  Injectable,
  Module,
  Post,
  RequestMethod,
  SetMetadata,
  VersioningType,
  type ArgumentMetadata,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type MiddlewareConsumer,
  type NestInterceptor,
  type NestModule,
  type PipeTransform,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import {
  OnWechatPayNotification,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotifications,
  WechatPayNotify,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { NotifyApp, type PlatformName } from '../support/notify-app.js';
import { paidNotification } from '../support/notifications.js';

const PATH = '/wechatpay/notify';
const credited = jest.fn<(orderNo: string) => void>();
const Public = () => SetMetadata('isPublic', true);

@Injectable()
class Orders {
  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  paid({ payload }: { readonly payload: { readonly out_trade_no: string } }): void {
    credited(payload.out_trade_no);
  }
}

/** Lets nobody in but to what is public: as a login or a throttler. */
@Injectable()
class LoginGuard implements CanActivate {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const places = [context.getHandler(), context.getClass()];
    return this.reflector.getAllAndOverride<boolean | undefined>('isPublic', places) === true;
  }
}

/** Every answer of the application as `{ data }`. */
@Injectable()
class WrapInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

/** Makes of every value one of its class, as `ValidationPipe` does with `transform` and `whitelist`. */
class StrictPipe implements PipeTransform {
  constructor(private readonly options: { validateCustomDecorators: boolean }) {}

  transform(value: unknown, { metatype, type }: ArgumentMetadata): unknown {
    if (type === 'custom' && !this.options.validateCustomDecorators) return value;
    if (metatype === undefined || metatype === Object) return value; // of no class: nothing to check
    return { ...(value as object) };
  }
}

/** One that leaves nothing as it was. */
class CopyingPipe implements PipeTransform {
  transform(value: unknown): unknown {
    return { ...(value as object) };
  }
}

/** Refuses what has no token, as CSRF protection does. */
function csrf(
  request: { readonly headers: Readonly<Record<string, unknown>> },
  _response: unknown,
  next: (error?: unknown) => void,
): void {
  next(request.headers['x-csrf-token'] === 'ok' ? undefined : new ForbiddenException('no token'));
}

@Controller('own')
class OwnController {
  constructor(
    @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
  ) {}

  @Post('notify')
  @Public()
  @WechatPayNotify()
  notify(@WechatPayNotification() notification: WechatPayNotification): Promise<void> {
    return this.notifications.dispatch(notification);
  }

  @Post('public')
  @Public()
  take(): string {
    return 'taken';
  }

  @Post('private')
  refuse(): string {
    return 'taken';
  }
}

describe.each(['express', 'fastify'] as PlatformName[])(
  'the ready route among what is global, on %s',
  (platform) => {
    let emulator: WechatPayEmulator;
    let app: NotifyApp | undefined;

    beforeAll(async () => {
      emulator = await WechatPayEmulator.start();
    });
    afterEach(async () => {
      await app?.close();
      app = undefined;
      credited.mockReset();
    });
    afterAll(() => emulator.close());

    interface Settings {
      readonly pipe?: PipeTransform;
      readonly decorators?: readonly (ClassDecorator & MethodDecorator)[];
      readonly excluded?: string;
      readonly configure?: (app: INestApplication) => void;
      readonly path?: string;
    }
    async function start(settings: Settings = {}): Promise<NotifyApp> {
      const { pipe = new StrictPipe({ validateCustomDecorators: false }) } = settings;
      const { decorators = [Public()], excluded = 'wechatpay/notify', configure } = settings;
      @Module({
        imports: [
          WechatPayModule.forRoot({
            ...emulator.options(),
            notification: { path: PATH, decorators },
          }),
        ],
        controllers: [OwnController],
        providers: [
          Orders,
          { provide: APP_GUARD, useClass: LoginGuard },
          { provide: APP_INTERCEPTOR, useClass: WrapInterceptor },
          { provide: APP_PIPE, useValue: pipe },
        ],
      })
      class AppModule implements NestModule {
        configure(consumer: MiddlewareConsumer): void {
          consumer
            .apply(csrf)
            .exclude({ path: excluded, method: RequestMethod.POST })
            .forRoutes('{*any}');
        }
      }
      return (app = await NotifyApp.start(AppModule, {
        platform,
        rawBody: 'helper',
        path: settings.path ?? PATH,
        ...(configure && { configure }),
      }));
    }
    const deliver = async (path = PATH): Promise<{ status: number; text: string }> => {
      const { status, text } = await (app as NotifyApp).post({
        ...paidNotification(emulator),
        path,
      });
      return { status, text };
    };
    const postOwn = (path: string, token = 'ok') =>
      (app as NotifyApp).post({ headers: { 'x-csrf-token': token }, body: '', path });

    it('is reached, and the others are guarded, wrapped and protected as ever', async () => {
      await start();
      await expect(deliver()).resolves.toEqual({ status: 204, text: '' });
      expect(credited.mock.calls).toEqual([['order-0001']]);
      await expect(postOwn('/own/public')).resolves.toMatchObject({
        status: 201,
        json: { data: 'taken' },
      });
      await expect(postOwn('/own/public', 'none')).resolves.toMatchObject({ status: 403 });
      await expect(postOwn('/own/private')).resolves.toMatchObject({ status: 403 });
    });

    it('takes nothing that is forged, though it is exempt from everything', async () => {
      await start();
      const forged = paidNotification(emulator, { signature: 'A'.repeat(344) });
      const answer = await app?.post({ ...forged, path: PATH });
      expect(answer).toMatchObject({ status: 401, json: { code: 'FAIL', message: '验签失败' } });
      expect(credited).not.toHaveBeenCalled();
    });

    it('needs the exemption: the platform is told to come back without it', async () => {
      await start({ decorators: [] });
      await expect(deliver()).resolves.toMatchObject({ status: 403 });
      await app?.close();
      await start({ excluded: 'elsewhere' });
      await expect(deliver()).resolves.toMatchObject({ status: 403 });
      expect(credited).not.toHaveBeenCalled();
    });

    it('is no business of a pipe that validates custom decorators, as it has no class', async () => {
      await start({ pipe: new StrictPipe({ validateCustomDecorators: true }) });
      await expect(deliver()).resolves.toEqual({ status: 204, text: '' });
      expect(credited).toHaveBeenCalledTimes(1);
      await app?.close();
      await start({
        pipe: new StrictPipe({ validateCustomDecorators: true }),
        path: '/own/notify',
        excluded: 'own/notify',
      });
      await expect(deliver('/own/notify')).resolves.toEqual({ status: 204, text: '' });
      expect(credited).toHaveBeenCalledTimes(2);
    });

    it('accepts nothing that a pipe has made anew, and says so', async () => {
      const own = { excluded: 'own/notify', path: '/own/notify' };
      await start({ pipe: new CopyingPipe(), ...own });
      await expect(deliver('/own/notify')).resolves.toMatchObject({ status: 500 });
      expect(credited).not.toHaveBeenCalled();
      expect(app?.logger.textOf('error')).toContain(
        'takes what @WechatPayNotification() gives, and nothing else',
      );
    });

    it('sends no notification through a pipe', async () => {
      await start({ pipe: new CopyingPipe() });
      await expect(deliver()).resolves.toMatchObject({ status: 204 });
      expect(credited).toHaveBeenCalledTimes(1);
    });

    it.each([
      ['URI', { type: VersioningType.URI, defaultVersion: '2' }],
      ['header', { type: VersioningType.HEADER, header: 'x-version', defaultVersion: '2' }],
    ] as const)('stands below a prefix and beside versions by %s', async (_, versioning) => {
      await start({
        path: `/api${PATH}`,
        configure: (nest) => {
          nest.setGlobalPrefix('api');
          nest.enableVersioning(versioning);
        },
      });
      await expect(deliver(`/api${PATH}`)).resolves.toEqual({ status: 204, text: '' });
      expect(credited).toHaveBeenCalledTimes(1);
      await expect(deliver(PATH)).resolves.toMatchObject({ status: 404 });
      const own = versioning.type === VersioningType.URI ? '/api/v2/own/public' : '/api/own/public';
      const { status } = await postOwn(own);
      expect(status).toBe(versioning.type === VersioningType.URI ? 201 : 404);
    });
  },
);
