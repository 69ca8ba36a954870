import { WechatPayConfigurationError } from '../errors/index.js';
import type { NotificationInbox, NotificationQueue } from '../notification/index.js';
import type { Bulkhead } from '../transport/index.js';
import type { WechatPayOptions } from '../wechat-pay.options.js';
import type { MerchantContext } from './merchant-context.js';
import type { MerchantRegistry } from './merchant-registry.js';
import { checkMerchantsShapes } from './option-shapes.js';

/**
 * How merchants come and go at run time.
 *
 * @publicApi
 */
export interface WechatPayMerchantsOptions {
  /**
   * Finds the options of a merchant that is not loaded, such as in a database; `undefined` when there
   * is no such merchant. May be called again for one that was unloaded meanwhile.
   */
  readonly resolve?:
    | ((mchid: string) => WechatPayOptions | undefined | Promise<WechatPayOptions | undefined>)
    | undefined;
  /**
   * How many resolved merchants stay loaded, 1 to 1,000,000; beyond that, one that was not used for
   * long is unloaded. @default 10000
   */
  readonly maxLoaded?: number | undefined;
  /** Calls of all merchants of this process at the same time, 1 to 100,000. @default 1024 */
  readonly maxConcurrency?: number | undefined;
  /** The `inbox` of merchants that are added or resolved without one. @default the shared memory */
  readonly inbox?: NotificationInbox | undefined;
  /**
   * The `queue` of merchants that are added or resolved without one. It works from the start of the
   * application: what was accepted before a restart waits for no merchant to be loaded again.
   * @default handlers run at once
   */
  readonly queue?: NotificationQueue | undefined;
}

/** A resolved merchant. */
interface Resolved {
  readonly context: MerchantContext;
  /** Since it was loaded, or last passed over when room was made. */
  isUsed: boolean;
}

/** What the registry of an application does for {@link WechatPayMerchants}. */
export interface MerchantLifecycle {
  readonly registry: MerchantRegistry;
  open(name: string, options: WechatPayOptions, isLazy: boolean): Promise<MerchantContext>;
  close(context: MerchantContext): void;
  clock(): number;
  readonly bulkhead: Bulkhead;
}

const DEFAULT_MAX_LOADED = 10_000;
/** Lookups of merchants under way at the same time; more than that is refused at once. */
const MAX_RESOLVING = 256;
/** A merchant that does not exist is not looked up again for this long. */
const ABSENT_MS = 60_000;
const MAX_ABSENT = 10_000;
export const MCHID = /^[0-9]{6,32}$/;

/**
 * All merchants of an application: those registered with `WechatPayModule`, those added at run time,
 * and those that are resolved when they are needed and unloaded when others need the room.
 *
 * @publicApi
 */
export class WechatPayMerchants {
  readonly #lifecycle: MerchantLifecycle;
  #options: WechatPayMerchantsOptions = {};
  /** Resolved merchants, the next to be considered for unloading first. */
  readonly #resolved = new Map<string, Resolved>();
  readonly #resolving = new Map<string, Promise<MerchantContext>>();
  readonly #absentUntilMs = new Map<string, number>();

  /** @internal */
  constructor(lifecycle: MerchantLifecycle) {
    this.#lifecycle = lifecycle;
  }

  /** Names of the merchants that are loaded now: registered names, and mchids of the others. */
  get names(): readonly string[] {
    return this.#lifecycle.registry.all.map(({ name }) => name);
  }

  /**
   * Adds a merchant at run time.
   *
   * @param name how to get it again. @default its mchid
   * @throws {WechatPayConfigurationError} for wrong options, with every problem, or a name that is taken
   */
  add(options: WechatPayOptions, name: string = options.mchid): Promise<MerchantContext> {
    this.#absentUntilMs.delete(name);
    return this.#open(name, options);
  }

  /** The merchant of this name, if it is loaded now. Takes less than a microsecond. */
  find(name: string): MerchantContext | undefined {
    const resolved = this.#resolved.get(name);
    if (!resolved) return this.#lifecycle.registry.find(name);
    resolved.isUsed = true;
    return resolved.context;
  }

  /**
   * The merchant of this name, resolved now if it is not loaded. Get it for every piece of work and do
   * not keep it: one that is unloaded no longer renews its keys.
   *
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`, or its options are wrong
   */
  async get(name: string): Promise<MerchantContext> {
    const held = this.find(name);
    if (held) return held;
    const running = this.#resolving.get(name);
    if (running) return running;
    const resolving = this.#load(name).finally(() => this.#resolving.delete(name));
    this.#resolving.set(name, resolving);
    return resolving;
  }

  /**
   * Takes a merchant out. What is in flight finishes; nothing of it is renewed any more.
   *
   * @returns whether there was one
   */
  remove(name: string): boolean {
    const context = this.#lifecycle.registry.find(name);
    this.#resolved.delete(name);
    if (!context) return false;
    this.#lifecycle.close(context);
    return true;
  }

  /**
   * Whether it makes sense to look for a merchant that is not loaded: costs nothing, and is true for
   * no name that was looked for in vain a moment ago. @internal
   */
  mayResolve(name: string): boolean {
    if (!this.#options.resolve || !MCHID.test(name)) return false;
    return (this.#absentUntilMs.get(name) ?? 0) <= this.#lifecycle.clock();
  }

  /** Whether it is being looked for at this moment. @internal */
  isResolving(name: string): boolean {
    return this.#resolving.has(name);
  }

  /** The queue of those that have none of their own. @internal */
  get queue(): NotificationQueue | undefined {
    return this.#options.queue;
  }

  /** @internal */
  configure(options: WechatPayMerchantsOptions): void {
    const problems: string[] = [];
    checkMerchantsShapes(options, (problem) => problems.push(problem));
    if (problems.length > 0) throw new WechatPayConfigurationError(problems);
    this.#options = options;
    const { maxConcurrency } = options;
    if (maxConcurrency !== undefined) this.#lifecycle.bulkhead.resize(maxConcurrency);
  }

  #open(name: string, options: WechatPayOptions): Promise<MerchantContext> {
    const { inbox = this.#options.inbox, queue = this.#options.queue } = options;
    return this.#lifecycle.open(name, { ...options, inbox, queue }, true);
  }

  async #load(name: string): Promise<MerchantContext> {
    const { resolve } = this.#options;
    if (!resolve || !this.mayResolve(name)) throw unknown();
    if (this.#resolving.size >= MAX_RESOLVING) {
      throw unknown('Too many merchants are being looked up at the same time: try again');
    }
    const options = await resolve(name);
    if (!options) {
      this.#rememberAbsent(name);
      throw unknown();
    }
    if (options.mchid !== name) {
      throw new WechatPayConfigurationError([
        `resolve('${name}') delivered the options of another merchant: their mchid must be the one asked for`,
      ]);
    }
    const added = this.find(name); // by `add`, meanwhile
    if (added) return added;
    const context = await this.#open(name, options);
    this.#makeRoom();
    this.#resolved.set(name, { context, isUsed: false });
    return context;
  }

  /** A second chance for each that was used: a lookup then costs a mark, not a change of order. */
  #makeRoom(): void {
    const { maxLoaded = DEFAULT_MAX_LOADED } = this.#options;
    for (const [name, resolved] of this.#resolved) {
      if (this.#resolved.size < maxLoaded) return;
      if (!resolved.isUsed) this.remove(name);
      else {
        resolved.isUsed = false;
        this.#resolved.delete(name);
        this.#resolved.set(name, resolved); // comes again at the end of this loop
      }
    }
  }

  #rememberAbsent(name: string): void {
    this.#absentUntilMs.delete(name);
    this.#absentUntilMs.set(name, this.#lifecycle.clock() + ABSENT_MS);
    const [oldest] = this.#absentUntilMs.keys();
    if (this.#absentUntilMs.size > MAX_ABSENT && oldest !== undefined) {
      this.#absentUntilMs.delete(oldest);
    }
  }
}

function unknown(problem = 'There is no merchant of this mchid'): WechatPayConfigurationError {
  return new WechatPayConfigurationError([problem], {
    code: 'MERCHANT_UNKNOWN',
    title: 'Unknown merchant',
  });
}
