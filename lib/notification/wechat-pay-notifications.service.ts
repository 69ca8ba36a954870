import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type Type,
} from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { WechatPayConfigurationError } from '../errors/index.js';
import {
  DEFAULT_ACK_TIMEOUT_MS,
  NotificationDispatcher,
  type DispatchReports,
} from './dispatcher.js';
import { findHandlers } from './find-handlers.js';
import { HandlerTable } from './handler-table.js';
import { LONGEST_RUN_MS } from './inbox.js';
import { NotificationQueues } from './notification-queues.js';
import type { WechatPayNotification } from './notification.types.js';
import { dispatchQueued } from './queued-dispatch.js';
import { ReceivedNotification, type NotificationContent } from './received-notification.js';
import {
  NOTIFICATION_RECEIVERS,
  NOTIFY_OPTIONS,
  type NotificationReceivers,
  type WechatPayNotifyOptions,
} from './receivers.js';

/** How long `app.close()` waits for handlers that run. */
const LAST_WAIT_MS = 10_000;

/**
 * Brings verified notifications to the methods with `@OnWechatPayNotification()`. The ready controller
 * (`notification: { path }`) does so by itself; a controller of your own calls {@link dispatch}.
 *
 * @publicApi
 */
@Injectable()
export class WechatPayNotifications implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(WechatPayNotifications.name);
  private dispatcher: NotificationDispatcher | undefined;
  private queues: NotificationQueues | undefined;

  constructor(
    @Inject(NOTIFICATION_RECEIVERS) private readonly receivers: NotificationReceivers,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  /** @throws {WechatPayConfigurationError} with everything that is wrong with handlers and routes */
  async onApplicationBootstrap(): Promise<void> {
    const { handlers, problems } = findHandlers(this.discovery, this.scanner);
    const unknown = [
      ...handlers.flatMap(({ name, merchants = [] }) =>
        merchants.map((merchant) => ({ merchant, place: `@OnWechatPayNotification() of ${name}` })),
      ),
      ...this.routes(),
    ].filter(({ merchant }) => !this.isMerchant(merchant));
    const all = [
      ...problems,
      ...unknown.map(
        ({ merchant, place }) =>
          `${place} names the merchant "${merchant}", which is not registered`,
      ),
    ];
    if (all.length > 0) throw new WechatPayConfigurationError(all);
    const table = new HandlerTable(handlers);
    this.dispatcher = new NotificationDispatcher({
      handlers: table,
      reports: this.reports('the platform delivers again'),
    });
    await this.startQueues(table);
  }

  /** What runs may finish, within a bound. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.dispatcher?.settled(LAST_WAIT_MS), this.queues?.close()]);
  }

  /**
   * Runs every handler of this notification that has not succeeded for its event before; for a merchant
   * with a `queue`, hands it to the queue instead. When this resolves, answer 2xx; when it throws, let it
   * throw: the platform delivers again.
   *
   * @param notification as `@WechatPayNotification()` gives it
   * @throws {WechatPayNotificationError} `NOTIFICATION_BUSY`, `NOTIFICATION_LATE`, `NOTIFICATION_FAILED`,
   * `NOTIFICATION_UNHANDLED` or `NOTIFICATION_NOT_QUEUED`; it is logged already
   * @throws {WechatPayConfigurationError} before the application is initialised, and for anything that
   * the guard has not verified
   */
  dispatch(notification: WechatPayNotification | WechatPayNotification<string>): Promise<void> {
    const { queues } = this;
    const dispatcher = this.ready();
    if (!(notification instanceof ReceivedNotification)) {
      throw new WechatPayConfigurationError([
        'dispatch(notification) takes what @WechatPayNotification() gives, and nothing else: it is verified',
      ]);
    }
    const { merchant } = notification;
    const settings = this.receivers.settingsOf(merchant);
    const queue = this.receivers.queueOf(merchant);
    if (!queue || !queues) {
      const inbox = this.receivers.inboxOf(merchant);
      return dispatcher.dispatch(notification, { inbox, ...settings });
    }
    return (async () => {
      if (!dispatcher.assertHandled(notification, settings)) return;
      const { ackTimeoutMs = DEFAULT_ACK_TIMEOUT_MS } = settings;
      await queues.enqueue(queue, notification, ackTimeoutMs);
    })();
  }

  /** What is queued has its own dispatcher: nobody waits for an answer. */
  private async startQueues(handlers: HandlerTable): Promise<void> {
    const { receivers, logger } = this;
    const dispatcher = new NotificationDispatcher({
      handlers,
      reports: this.reports('the queue tries again'),
    });
    const queues = new NotificationQueues(
      (job) => dispatchQueued(job, { receivers, dispatcher, logger }),
      logger,
    );
    this.queues = queues;
    try {
      await receivers.forEachQueue((queue) => queues.start(queue));
    } catch (error) {
      await queues.close();
      throw error;
    }
  }

  /**
   * Runs the handlers for what the merchant's own query has found, as its notification would. @internal
   *
   * @param merchant name of the registration
   * @throws as {@link dispatch}
   */
  async settle(
    merchant: string,
    found: Pick<NotificationContent, 'eventType' | 'originalType' | 'payload'>,
  ): Promise<void> {
    const { mchid } = this.receivers.get(merchant);
    const nowMs = this.receivers.nowMs();
    const content = {
      ...found,
      id: `query-${nowMs}`,
      createTime: new Date(nowMs).toISOString(),
      summary: undefined,
      merchant,
      mchid,
    };
    const options = { inbox: this.receivers.inboxOf(merchant), unhandled: 'ignore' } as const;
    const ackTimeoutMs = LONGEST_RUN_MS; // nobody waits for it
    await this.ready().dispatch(new ReceivedNotification(content, undefined), {
      ...options,
      ackTimeoutMs,
    });
  }

  private isMerchant(name: string): boolean {
    return this.receivers.find(name) !== undefined || this.receivers.mayCome(name);
  }

  private ready(): NotificationDispatcher {
    if (this.dispatcher) return this.dispatcher;
    throw new WechatPayConfigurationError([
      'handlers are found when the application starts: call app.init() or app.listen() first',
    ]);
  }

  /** Merchants that notification routes name. */
  private routes(): { readonly merchant: string; readonly place: string }[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => {
      const type = metatype as Type;
      const prototype = type.prototype as Record<string, object>;
      const methods = this.scanner.getAllMethodNames(prototype);
      const targets = [type, ...methods.map((method) => prototype[method] as never)];
      return targets.flatMap((target) => {
        const options = this.reflector.get<WechatPayNotifyOptions | undefined>(
          NOTIFY_OPTIONS,
          target,
        );
        const merchant = options?.merchant;
        const place = `@WechatPayNotify() of ${type.name}`;
        return typeof merchant === 'string' ? [{ merchant, place }] : [];
      });
    });
  }

  /** @param next what happens to an event that was not handled */
  private reports(next: string): DispatchReports {
    return {
      failed: (handler, error, isLate) =>
        this.logger.error(
          `The handler ${handler} failed${isLate ? ', after it had taken too long' : ''}; ${next}`,
          error instanceof Error ? error.stack : undefined,
        ),
      unremembered: (handler) =>
        this.logger.warn(
          `The handler ${handler} succeeded, and the inbox could not be told: a duplicate may run it again`,
        ),
      late: (eventType, ackTimeoutMs) =>
        this.logger.warn(
          `The handlers of ${eventType} have taken longer than ${ackTimeoutMs} ms: they go on, and ${next}`,
        ),
      unhandled: (eventType) =>
        this.logger.warn(
          `No handler takes ${eventType}: add @OnWechatPayNotification('${eventType}'), or '*' for whatever comes`,
        ),
    };
  }
}
