import { WechatPayConfigurationError } from '../errors/index.js';
import type { NotificationInbox, NotificationQueue } from '../notification/index.js';
import type { Bulkhead } from '../transport/index.js';
import type { WechatPayOptions } from '../wechat-pay.options.js';
import { LoadedMerchants } from './loaded-merchants.js';
import type { MerchantContext } from './merchant-context.js';
import { MerchantLookups, tooMany } from './merchant-lookups.js';
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
   * is no such merchant. May be called again for one that was unloaded meanwhile. It has 5 s, and a
   * notification waits 2 s for it.
   */
  readonly resolve?:
    | ((mchid: string) => WechatPayOptions | undefined | Promise<WechatPayOptions | undefined>)
    | undefined;
  /**
   * How many resolved merchants stay loaded, 1 to 1,000,000; beyond that, the one that was not used for
   * longest is unloaded. One with a call in flight stays until later. @default 10000
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

/** What the registry of an application does for {@link WechatPayMerchants}. */
export interface MerchantLifecycle {
  readonly registry: MerchantRegistry;
  open(name: string, options: WechatPayOptions, isLazy: boolean): Promise<MerchantContext>;
  /** Ends an idle one; whoever has kept it may use what it holds. */
  close(context: MerchantContext): void;
  /** Lets what is in flight finish, and ends it. */
  retire(context: MerchantContext): void;
  clock(): number;
  readonly bulkhead: Bulkhead;
}

const DEFAULT_MAX_LOADED = 10_000;
/** Lookups of merchants under way at the same time; more than that is refused at once. */
const MAX_RESOLVING = 256;

/**
 * All merchants of an application: those registered with `WechatPayModule`, those added at run time,
 * and those that are resolved when they are needed and unloaded when others need the room.
 *
 * @publicApi
 */
export class WechatPayMerchants {
  readonly #lifecycle: MerchantLifecycle;
  #options: WechatPayMerchantsOptions = {};
  readonly #lookups: MerchantLookups;
  readonly #resolved = new LoadedMerchants();
  readonly #resolving = new Map<string, Promise<MerchantContext>>();

  /** @internal */
  constructor(lifecycle: MerchantLifecycle) {
    this.#lifecycle = lifecycle;
    this.#lookups = new MerchantLookups(() => lifecycle.clock());
  }

  /** Names of the merchants that are loaded now: registered names, and mchids of the others. */
  get names(): readonly string[] {
    return this.#lifecycle.registry.all.map(({ name }) => name);
  }

  /** The merchants that are loaded now. To look at them, unlike {@link find}, does not count as use. */
  get loaded(): readonly MerchantContext[] {
    return this.#lifecycle.registry.all;
  }

  /**
   * Adds a merchant at run time.
   *
   * @param name how to get it again. @default its mchid
   * @throws {WechatPayConfigurationError} for wrong options, with every problem, or a name that is taken
   */
  add(options: WechatPayOptions, name: string = options.mchid): Promise<MerchantContext> {
    this.#lookups.forgetAbsent(name);
    return this.#open(name, options);
  }

  /** The merchant of this name, if it is loaded now. Takes less than a microsecond. */
  find(name: string): MerchantContext | undefined {
    return this.#resolved.use(name) ?? this.#lifecycle.registry.find(name);
  }

  /**
   * The merchant of this name, resolved now if it is not loaded. Get it for every piece of work and do
   * not keep it: one that is unloaded no longer renews its keys.
   *
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`, or its options are wrong
   * @throws {WechatPayTransportError} `TIMEOUT` when `resolve` takes too long, `OVERLOADED` when too many
   * are resolved at the same time; a later call can succeed
   */
  async get(name: string): Promise<MerchantContext> {
    const held = this.find(name);
    if (held) return held;
    const running = this.#resolving.get(name);
    if (running) return running;
    const isWanted = (): boolean => this.#resolving.get(name) === resolving;
    const resolving = this.#load(name, isWanted).finally(() => {
      if (isWanted()) this.#resolving.delete(name);
    });
    this.#resolving.set(name, resolving);
    return resolving;
  }

  /**
   * Takes a merchant out. What is in flight finishes, and has its keys for `http.closeGraceMs`; nothing
   * of it is begun or renewed any more. Whoever waits for it to be loaded gets what `resolve` gives after
   * this.
   *
   * @returns whether there was one
   */
  remove(name: string): boolean {
    const context = this.#lifecycle.registry.find(name);
    this.#resolved.delete(name);
    this.#resolving.delete(name);
    if (!context) return false;
    this.#lifecycle.retire(context);
    return true;
  }

  /**
   * Whether it makes sense to look for a merchant that is not loaded: costs nothing, and is true for
   * no name that was looked for in vain a moment ago. @internal
   */
  mayResolve(name: string): boolean {
    return this.#lookups.mayFind(name);
  }

  /** Whether merchants are resolved at all. @internal */
  get canResolve(): boolean {
    return this.#lookups.resolve !== undefined;
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
    this.#lookups.resolve = options.resolve;
    const { maxConcurrency } = options;
    if (maxConcurrency !== undefined) this.#lifecycle.bulkhead.resize(maxConcurrency);
  }

  #open(name: string, options: WechatPayOptions): Promise<MerchantContext> {
    const { inbox = this.#options.inbox, queue = this.#options.queue } = options;
    return this.#lifecycle.open(name, { ...options, inbox, queue }, true);
  }

  /** @param isWanted false from when it was removed on: what was found before is out of date */
  async #load(name: string, isWanted: () => boolean): Promise<MerchantContext> {
    const isFull = this.#resolving.size >= MAX_RESOLVING;
    if (isFull && this.#lookups.mayFind(name)) throw tooMany(MAX_RESOLVING);
    const options = await this.#lookups.find(name);
    if (!isWanted()) return this.get(name);
    const added = this.find(name); // by `add`, meanwhile
    if (added) return added;
    const context = await this.#open(name, options).catch((error: unknown) => {
      if (isWanted()) throw error;
    });
    if (!context || !isWanted()) return this.get(name);
    this.#makeRoom();
    this.#resolved.add(context);
    return context;
  }

  #makeRoom(): void {
    const { maxLoaded = DEFAULT_MAX_LOADED } = this.#options;
    while (this.#resolved.size >= maxLoaded) {
      const idle = this.#resolved.takeIdle();
      if (!idle) return; // all of them are busy
      this.#lifecycle.close(idle);
    }
  }
}
