import {
  HttpStatus,
  Inject,
  Injectable,
  Logger,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayRequestError,
  WechatPaySignatureError,
} from '../errors/index.js';
import { NotifyException } from './notify.exceptions.js';
import {
  isJsonRequest,
  MAX_NOTIFICATION_BYTES,
  rawBodyOf,
  setNotification,
  type NotifyRequest,
} from './notify-request.js';
import {
  NOTIFICATION_RECEIVERS,
  NOTIFY_OPTIONS,
  type NotificationReceivers,
  type WechatPayNotifyOptions,
} from './receivers.js';
import {
  assertPlausible,
  openNotification,
  verifyNotification,
  type NotificationReceiver,
} from './receive.js';

/**
 * Lets only genuine notifications of the platform reach a handler: content type, raw body, headers,
 * time window, key, signature, and only then parse, decrypt, and whether it is this merchant's.
 *
 * Answers 401 for everything that does not verify, 415 for another content type, 413 for too large
 * a body, and 5xx where the application is at fault, so that the platform comes back.
 *
 * @publicApi
 */
@Injectable()
export class WechatPayNotifyGuard implements CanActivate {
  private readonly logger = new Logger(WechatPayNotifyGuard.name);
  /** By handler; a method that two controllers inherit belongs to the one that asked last. */
  private readonly options = new WeakMap<
    object,
    { readonly type: object; readonly options: WechatPayNotifyOptions }
  >();

  constructor(
    @Inject(NOTIFICATION_RECEIVERS) private readonly receivers: NotificationReceivers,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<NotifyRequest>();
    this.assertContentType(request);
    const body = this.bodyOf(request);
    const found = this.receiverOf(context, request);
    const receiver = found instanceof Promise ? await found : found;
    const { headers } = request;
    const receivedAtMs = this.receivers.nowMs();
    try {
      await verifyNotification(receiver, headers, body, receivedAtMs);
      setNotification(request, await openNotification(receiver, { headers, body, receivedAtMs }));
    } catch (error) {
      this.countRefused(receiver, error, receivedAtMs);
      throw this.refusal(receiver, error);
    }
    receiver.notifications.countAccepted(Number(headers['wechatpay-timestamp']), receivedAtMs);
    return true;
  }

  /** Only JSON is ever looked at. */
  protected assertContentType(request: NotifyRequest): void {
    if (isJsonRequest(request)) return;
    throw new NotifyException(HttpStatus.UNSUPPORTED_MEDIA_TYPE, '仅支持 application/json');
  }

  /** The bytes as they came, within the bound. */
  protected bodyOf(request: NotifyRequest): Buffer {
    const body = rawBodyOf(request);
    if (body === undefined) {
      const error = new WechatPayConfigurationError(
        [
          'turn it on with NestFactory.create(AppModule, { rawBody: true }), or call useWechatPayRawBody(app, { path }) before the application listens',
        ],
        { code: 'RAW_BODY_MISSING', title: 'The raw body of the notification is missing' },
      );
      this.logger.error(error.message);
      throw new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, error.message, error);
    }
    if (body.length <= MAX_NOTIFICATION_BYTES) return body;
    throw new NotifyException(HttpStatus.PAYLOAD_TOO_LARGE, '报文过大');
  }

  /** The settings of the route; looked up once, as decorators do not change. */
  private optionsOf(context: ExecutionContext): WechatPayNotifyOptions {
    const [handler, type] = [context.getHandler(), context.getClass()];
    const known = this.options.get(handler);
    if (known?.type === type) return known.options;
    const options =
      this.reflector.getAllAndOverride<WechatPayNotifyOptions | undefined>(NOTIFY_OPTIONS, [
        handler,
        type,
      ]) ?? {};
    this.options.set(handler, { type, options });
    return options;
  }

  /** The merchant that this route is for; one that is not loaded is loaded now. */
  protected receiverOf(
    context: ExecutionContext,
    request: NotifyRequest,
  ): NotificationReceiver | Promise<NotificationReceiver> {
    const { merchant } = this.optionsOf(context);
    try {
      if (typeof merchant !== 'function') return this.receivers.get(merchant);
      // A function that finds nobody must not mean the default merchant.
      const name = String(merchant(request as never));
      return this.receivers.find(name) ?? this.load(name, request);
    } catch (error) {
      this.logger.error(messageOf(error));
      throw new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, '处理失败', error);
    }
  }

  /** A request that is malformed or stale loads nobody. */
  private async load(name: string, request: NotifyRequest): Promise<NotificationReceiver> {
    let receiver: NotificationReceiver | undefined;
    try {
      assertPlausible(request.headers, this.receivers.nowMs());
      receiver = await this.receivers.load(name);
    } catch (error) {
      if (error instanceof WechatPaySignatureError) {
        this.logger.debug(`Notification refused: ${error.code} ${error.message}`);
      } else if (
        error instanceof WechatPayConfigurationError &&
        error.code === 'MERCHANT_UNKNOWN'
      ) {
        this.logger.debug('A notification named a merchant that is not registered');
      } else {
        this.logger.error(messageOf(error));
        throw new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, '处理失败', error);
      }
      throw new NotifyException(HttpStatus.UNAUTHORIZED, '验签失败', error);
    }
    if (receiver) return receiver;
    this.logger.debug('Too many merchants are looked for: a notification has to come again');
    throw new NotifyException(HttpStatus.SERVICE_UNAVAILABLE, '系统繁忙');
  }

  /** Where every notification comes at a wrong time, nothing else tells that the clock is wrong. */
  private countRefused(receiver: NotificationReceiver, error: unknown, nowMs: number): void {
    if (!receiver.notifications.countRefused(error, nowMs)) return;
    this.logger.warn(
      `[${receiver.name}] A notification was refused for its time: ${messageOf(error)}. If there are more, the clock is wrong; if not, somebody sends an old one again`,
    );
  }

  /** To the outside every refusal says the same; the reason goes to the log. */
  protected refusal(receiver: NotificationReceiver, error: unknown): NotifyException {
    if (error instanceof WechatPaySignatureError) {
      this.logger.debug(`[${receiver.name}] Notification refused: ${error.code} ${error.message}`);
    } else if (error instanceof WechatPayRequestError) {
      this.logger.error(`[${receiver.name}] ${error.message}`); // genuine, but not for us
    } else return this.asOurFault(receiver, error);
    return new NotifyException(HttpStatus.UNAUTHORIZED, '验签失败', error);
  }

  /** A wrong APIv3 key is the commonest mistake: someone must act, and the platform comes back. */
  private asOurFault(receiver: NotificationReceiver, error: unknown): NotifyException {
    const hint =
      error instanceof WechatPayDecryptionError
        ? 'A genuine notification does not decrypt: credential.apiV3Key is not the APIv3 key (APIv3密钥) of the merchant platform'
        : messageOf(error);
    this.logger.error(`[${receiver.name}] ${hint}`);
    return new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, '处理失败', error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
