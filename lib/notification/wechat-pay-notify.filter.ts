import {
  Catch,
  HttpException,
  Inject,
  Logger,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { withTrace } from '../diagnostics/index.js';
import { WechatPayNotificationError } from '../errors/index.js';
import { failBody, NotifyException } from './notify.exceptions.js';
import { getNotification, type NotifyRequest } from './notify-request.js';

/** Outcomes of a dispatch, which has logged what had to be; each with its status. */
const REPORTED: ReadonlyMap<string, number> = new Map([
  ['NOTIFICATION_BUSY', 503],
  ['NOTIFICATION_LATE', 503],
  ['NOTIFICATION_FAILED', 500],
  ['NOTIFICATION_UNHANDLED', 500],
  ['NOTIFICATION_NOT_QUEUED', 503],
]);

/**
 * Answers for whatever a notification route throws, in the form that the platform understands, and
 * never with a status that it takes for success.
 *
 * @internal
 */
@Catch()
export class WechatPayNotifyFilter implements ExceptionFilter {
  private readonly logger = new Logger(WechatPayNotifyFilter.name);

  constructor(@Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const response: unknown = host.switchToHttp().getResponse();
    const { httpAdapter } = this.adapterHost;
    if (error instanceof NotifyException) {
      httpAdapter.reply(response, error.getResponse(), error.getStatus());
      return;
    }
    const reported = error instanceof WechatPayNotificationError && REPORTED.get(error.code);
    if (reported && !httpAdapter.isHeadersSent(response)) {
      httpAdapter.reply(response, failBody(reported === 503 ? '系统繁忙' : '处理失败'), reported);
      return;
    }
    const asked = error instanceof HttpException ? error.getStatus() : 500;
    const status = Number.isInteger(asked) && asked >= 400 && asked <= 599 ? asked : 500;
    const stack = error instanceof Error ? error.stack : undefined;
    const request = host.switchToHttp().getRequest<NotifyRequest>();
    const { headers } = request;
    const fail = (message: string): void => this.logger.error(withTrace(message, headers), stack);
    if (httpAdapter.isHeadersSent(response)) {
      fail('The handler of a notification failed after it had answered');
      return;
    }
    if (status >= 500) {
      fail('The handler of a notification failed; the platform will deliver it again');
    } else this.warn(request, status);
    httpAdapter.reply(response, failBody('处理失败'), status);
  }

  /** A genuine event must not be lost without a word; what anybody can ask is not worth a line. */
  private warn(request: NotifyRequest, status: number): void {
    const notification = getNotification(request);
    if (!notification) return;
    const { merchant, eventType } = notification;
    const line = `[${merchant}] A notification of ${eventType} was answered ${status}, as its handler asks; the platform will deliver it again`;
    this.logger.warn(withTrace(line, request.headers));
  }
}
