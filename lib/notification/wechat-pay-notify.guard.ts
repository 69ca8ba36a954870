import {
  HttpStatus,
  Inject,
  Injectable,
  Logger,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { isHeard, notificationChannel, withTrace } from '../diagnostics/index.js';
import {
  WechatPayConfigurationError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayTransportError,
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
  isSaidByEvent,
  receiveNotification,
  type NotificationReceiver,
} from './receive.js';
import { RareLines } from './rare-lines.js';
import type { NotificationSource, ReceivedNotification } from './received-notification.js';
import { receiveTraced } from './traced-receive.js';
import { isPending, leftMs } from './waiting.js';

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
  private readonly rare = new RareLines();
  /** By handler; a method that two controllers inherit belongs to the one that asked last. */
  private readonly options = new WeakMap<
    object,
    { readonly type: object; readonly options: WechatPayNotifyOptions }
  >();

  constructor(
    @Inject(NOTIFICATION_RECEIVERS) private readonly receivers: NotificationReceivers,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const receivedAtMs = this.receivers.nowMs();
    const request = context.switchToHttp().getRequest<NotifyRequest>();
    this.assertContentType(request);
    const source = { headers: request.headers, body: this.bodyOf(request), receivedAtMs };
    const receiver = this.receiverOf(context, request);
    return isPending(receiver)
      ? receiver.then((loaded) => this.receive(loaded, source, request))
      : this.receive(receiver, source, request);
  }

  private receive(
    receiver: NotificationReceiver,
    source: NotificationSource,
    request: NotifyRequest,
  ): boolean | Promise<boolean> {
    const { receivedAtMs } = source;
    // keys may take what the platform allows, however little is left of it for handlers
    const left = (): number => leftMs({}, receivedAtMs, this.receivers.nowMs());
    const accept = (notification: ReceivedNotification): true => {
      setNotification(request, notification);
      this.receivers.used(receiver.name);
      const sentAt = Number(request.headers['wechatpay-timestamp']);
      receiver.notifications.countAccepted(sentAt, receivedAtMs);
      return true;
    };
    const refuse = (error: unknown): never => {
      this.countRefused(receiver, error, request, receivedAtMs);
      throw this.refusal(receiver, error, request);
    };
    let received: ReceivedNotification | Promise<ReceivedNotification>;
    try {
      const receive = isHeard(notificationChannel) ? receiveTraced : receiveNotification;
      received = receive(receiver, source, left);
    } catch (error) {
      return refuse(error);
    }
    return isPending(received) ? received.then(accept, refuse) : accept(received);
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
      this.complain(this, error.message, request.headers);
      const isProduction = process.env['NODE_ENV'] === 'production'; // where strangers ask
      const hint = isProduction ? '处理失败' : error.message;
      throw new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, hint, error);
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
      if (merchant === undefined) return this.receivers.get(undefined);
      const isOurs = typeof merchant === 'string';
      // A function that finds nobody must not mean the default merchant.
      const name = isOurs ? merchant : String(merchant(request as never));
      return this.receivers.find(name) ?? this.load(name, request, isOurs && context.getHandler());
    } catch (error) {
      this.complain(context.getHandler(), messageOf(error), request.headers);
      throw new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, '处理失败', error);
    }
  }

  /**
   * A request that is malformed or stale loads nobody.
   *
   * @param route the handler, when the name is the application's, so that an unknown one is its fault
   */
  private async load(
    name: string,
    request: NotifyRequest,
    route: object | false,
  ): Promise<NotificationReceiver> {
    let receiver: NotificationReceiver | undefined;
    const { headers } = request;
    const debug = (message: string): void => this.logger.debug(withTrace(message, headers));
    try {
      assertPlausible(headers, this.receivers.nowMs());
      receiver = await this.receivers.load(name);
    } catch (error) {
      if (error instanceof WechatPaySignatureError) {
        debug(`Notification refused: ${error.code} ${error.message}`);
      } else if (
        !route &&
        error instanceof WechatPayConfigurationError &&
        error.code === 'MERCHANT_UNKNOWN'
      ) {
        debug('A notification named a merchant that is not registered');
      } else {
        this.complain(route || this.receivers, messageOf(error), headers);
        if (error instanceof WechatPayTransportError) {
          throw new NotifyException(HttpStatus.SERVICE_UNAVAILABLE, '系统繁忙', error);
        }
        throw new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, '处理失败', error);
      }
      throw new NotifyException(HttpStatus.UNAUTHORIZED, '验签失败', error);
    }
    if (receiver) return receiver;
    debug('Too many merchants are looked for: a notification has to come again');
    throw new NotifyException(HttpStatus.SERVICE_UNAVAILABLE, '系统繁忙');
  }

  /** Where every notification comes at a wrong time, nothing else tells that the clock is wrong. */
  private countRefused(
    receiver: NotificationReceiver,
    error: unknown,
    { headers }: NotifyRequest,
    nowMs: number,
  ): void {
    if (!receiver.notifications.countRefused(error, nowMs)) return;
    const line = `[${receiver.name}] A notification was refused for its time: ${messageOf(error)}. If there are more, the clock is wrong; if not, somebody sends an old one again`;
    this.logger.warn(withTrace(line, headers));
  }

  /** To the outside every refusal says the same; the reason goes to the log. */
  protected refusal(
    receiver: NotificationReceiver,
    error: unknown,
    { headers }: NotifyRequest,
  ): NotifyException {
    if (error instanceof WechatPaySignatureError) {
      const line = `[${receiver.name}] Notification refused: ${error.code} ${error.message}`;
      this.logger.debug(withTrace(line, headers));
    } else if (error instanceof WechatPayRequestError) {
      this.logger.error(withTrace(`[${receiver.name}] ${error.message}`, headers)); // genuine, but not for us
    } else return this.asOurFault(receiver, error, headers);
    return new NotifyException(HttpStatus.UNAUTHORIZED, '验签失败', error);
  }

  /** A wrong APIv3 key is the commonest mistake: someone must act, and the platform comes back. */
  private asOurFault(
    receiver: NotificationReceiver,
    error: unknown,
    headers: NotifyRequest['headers'],
  ): NotifyException {
    const line = `[${receiver.name}] ${messageOf(error)}`;
    if (error === receiver.certificates.status.lastError) this.complain(receiver, line, headers);
    else if (!isSaidByEvent(receiver, error)) this.logger.error(withTrace(line, headers));
    return new NotifyException(HttpStatus.INTERNAL_SERVER_ERROR, '处理失败', error);
  }

  /** For what is our fault, and yet anybody can cause again and again: nothing was verified. */
  private complain(about: object, line: string, headers: NotifyRequest['headers']): void {
    if (!this.rare.trySay(about, this.receivers.nowMs())) return;
    this.logger.error(withTrace(line, headers));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
