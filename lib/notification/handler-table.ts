import { WechatPayConfigurationError } from '../errors/index.js';
import { kindOf } from './event-key.js';
import type { ReceivedNotification } from './received-notification.js';

/** One handler, ready to be called. */
export interface NotificationHandler {
  /** Unique among the handlers; what the inbox remembers it by. */
  readonly name: string;
  readonly kind: string;
  /** Names of registrations; `undefined` for all. */
  readonly merchants: readonly string[] | undefined;
  run(notification: ReceivedNotification): unknown;
}

const ANYTHING_ELSE = '*';
const KIND = /^(?:\*|[A-Z0-9_.]{1,64}(?:\/[\w.-]{1,64})?)$/;
const NAME = /^[\x21-\x7e]{1,128}$/;

/** Every handler of an application, by the kind of event it takes. */
export class HandlerTable {
  readonly #byKind = new Map<string, NotificationHandler[]>();

  /** @throws {WechatPayConfigurationError} with every problem found */
  constructor(handlers: readonly NotificationHandler[]) {
    const problems: string[] = [];
    const names = new Set<string>();
    for (const handler of handlers) {
      const { name, kind } = handler;
      if (!KIND.test(kind)) {
        problems.push(
          `@OnWechatPayNotification of ${name} names no event type such as TRANSACTION.SUCCESS`,
        );
      }
      const one = `${kind} ${name}`;
      if (!NAME.test(name)) {
        problems.push('the name of a handler is printable ASCII without spaces, 1 to 128 long');
      } else if (names.has(one)) {
        problems.push(
          `two handlers of ${kind} are called ${name}: give them names of their own, @OnWechatPayNotification('${kind}', { name: '…' })`,
        );
      }
      names.add(one);
      const together = this.#byKind.get(kind);
      if (together) together.push(handler);
      else this.#byKind.set(kind, [handler]);
    }
    if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  }

  /** Who handles a notification: those of its kind, or else those of `*`. */
  find({
    eventType,
    originalType,
    merchant,
  }: ReceivedNotification): readonly NotificationHandler[] {
    const kind = kindOf(eventType, originalType);
    const found = this.#of(kind, merchant);
    if (found.length > 0) return found;
    const named = this.#of(`${eventType}/${String(originalType)}`, merchant);
    return named.length > 0 ? named : this.#of(ANYTHING_ELSE, merchant);
  }

  #of(kind: string, merchant: string): readonly NotificationHandler[] {
    const all = this.#byKind.get(kind) ?? [];
    if (all.every(({ merchants }) => merchants === undefined)) return all;
    return all.filter(({ merchants }) => merchants?.includes(merchant) ?? true);
  }
}
