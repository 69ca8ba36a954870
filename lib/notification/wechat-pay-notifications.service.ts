import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { withTrace } from '../diagnostics/index.js';
import { WechatPayConfigurationError } from '../errors/index.js';
import { NotificationDispatcher, type DispatchReports } from './dispatcher.js';
import { findHandlers } from './find-handlers.js';
import { HandlerTable } from './handler-table.js';
import { LONGEST_RUN_MS } from './inbox.js';
import { namedByHandlers, namedByRoutes, wrongNames } from './named-merchants.js';
import { NotificationQueues } from './notification-queues.js';
import { notifyRoutes, wrongRoutes } from './notify-routes.js';
import type { WechatPayNotification } from './notification.types.js';
import { dispatchQueued } from './queued-dispatch.js';
import type { NotificationReceiver } from './receive.js';
import { ReceivedNotification, type NotificationContent } from './received-notification.js';
import { NOTIFICATION_RECEIVERS, type NotificationReceivers } from './receivers.js';
import { handleTraced } from './traced-handler.js';
import { leftMs } from './waiting.js';

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
  /** Of what a query has found. */
  private settler: NotificationDispatcher | undefined;
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
    const routes = namedByRoutes(this.discovery, this.scanner, this.reflector);
    const wrong = wrongNames([...namedByHandlers(handlers), ...routes], this.receivers);
    const wired = notifyRoutes(this.discovery, this.scanner, this.reflector);
    const broken = wrongRoutes(wired, this.receivers);
    const all = [...problems, ...wrong.problems, ...broken.problems];
    if (all.length > 0) throw new WechatPayConfigurationError(all);
    for (const warning of [...wrong.warnings, ...broken.warnings]) this.logger.warn(warning);
    const table = new HandlerTable(handlers);
    this.dispatcher = new NotificationDispatcher({
      handlers: table,
      reports: this.reports('the platform delivers again'),
    });
    this.settler = new NotificationDispatcher({
      handlers: table,
      reports: this.reports('the platform is asked again'),
    });
    await this.startQueues(table);
  }

  /** What runs may finish, within a bound. */
  async beforeApplicationShutdown(): Promise<void> {
    const { dispatcher, settler, queues } = this;
    const running = [dispatcher, settler].map((each) => each?.settled(LAST_WAIT_MS));
    await Promise.all([...running, queues?.close()]);
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
    const { queues, receivers } = this;
    const dispatcher = ready(this.dispatcher);
    if (!(notification instanceof ReceivedNotification)) {
      throw new WechatPayConfigurationError([
        'dispatch(notification) takes what @WechatPayNotification() gives, and nothing else: it is verified',
      ]);
    }
    const settings = receivers.settingsOf(notification.merchant);
    const { unhandled } = settings;
    const { inbox = receivers.inbox, queue } = ReceivedNotification.placesOf(notification);
    const nowMs = receivers.nowMs();
    const { receivedAtMs = nowMs } = ReceivedNotification.sourceOf(notification) ?? {};
    const ackTimeoutMs = leftMs(settings, receivedAtMs, nowMs);
    if (!queue || !queues) {
      return dispatcher.dispatch(notification, { inbox, ackTimeoutMs, unhandled });
    }
    return (async () => {
      if (!dispatcher.assertHandled(notification, { unhandled })) return;
      const enqueue = (): Promise<void> => queues.enqueue(queue, notification, ackTimeoutMs);
      await handleTraced(notification, undefined, enqueue, () => ({ outcome: 'queued' }));
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
      (job, attempt) => dispatchQueued(job, { receivers, dispatcher, logger }, attempt),
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
   * @returns whether there are any
   * @throws as {@link dispatch}
   */
  async settle(
    receiver: NotificationReceiver,
    found: Pick<NotificationContent, 'eventType' | 'originalType' | 'payload'>,
  ): Promise<boolean> {
    const { name: merchant, mchid, inbox = this.receivers.inbox } = receiver;
    const settler = ready(this.settler);
    const nowMs = this.receivers.nowMs();
    const content = {
      ...found,
      id: `query-${nowMs}`,
      createTime: new Date(nowMs).toISOString(),
      summary: undefined,
      merchant,
      mchid,
    };
    const notification = new ReceivedNotification(content, undefined, receiver);
    if (!settler.assertHandled(notification, { unhandled: 'ignore' })) return false;
    // nobody waits for it
    await settler.dispatch(notification, { inbox, ackTimeoutMs: LONGEST_RUN_MS });
    return true;
  }

  /** @param next what happens to an event that was not handled */
  private reports(next: string): DispatchReports {
    const line = (of: ReceivedNotification, message: string): string =>
      withTrace(message, ReceivedNotification.sourceOf(of)?.headers);
    return {
      failed: (of, handler, error, isLate) =>
        this.logger.error(
          line(
            of,
            `The handler ${handler} failed${isLate ? ', after it had taken too long' : ''}; ${next}`,
          ),
          error instanceof Error ? error.stack : undefined,
        ),
      unremembered: (of, handler) =>
        this.logger.warn(
          line(
            of,
            `The handler ${handler} succeeded, and the inbox could not be told: a duplicate may run it again`,
          ),
        ),
      late: (of, ackTimeoutMs) =>
        this.logger.warn(
          line(
            of,
            `The handlers of ${of.eventType} have taken longer than ${ackTimeoutMs} ms: they go on, and ${next}`,
          ),
        ),
      unhandled: (of) =>
        this.logger.warn(
          line(
            of,
            `No handler takes ${of.eventType}: add @OnWechatPayNotification('${of.eventType}'), or '*' for whatever comes`,
          ),
        ),
    };
  }
}

function ready(dispatcher: NotificationDispatcher | undefined): NotificationDispatcher {
  if (dispatcher) return dispatcher;
  throw new WechatPayConfigurationError([
    'handlers are found when the application starts: call app.init() or app.listen() first',
  ]);
}
