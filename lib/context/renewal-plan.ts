import type { Subscription } from 'rxjs';
import { LEASE_MS, nextRenewalMs, RENEWAL, youngMs } from '../certificates/index.js';
import type { KeyEvent } from '../events/index.js';
import { DueQueue } from './due-queue.js';
import { ExpiryWatch } from './expiry-watch.js';
import type { MerchantContext } from './merchant-context.js';

/** The one timer that all merchants share; planning it anew replaces it. */
export interface PlanTimer {
  plan(run: () => void, delayMs: number): void;
  cancel(): void;
}

/** What a {@link RenewalPlan} is made of. */
export interface RenewalPlanParts {
  readonly timer: PlanTimer;
  readonly clock: () => number;
  readonly random: () => number;
}

interface Entry {
  readonly context: MerchantContext;
  /** A merchant that nobody has used yet has nothing to renew. */
  readonly isLazy: boolean;
  readonly expiry: ExpiryWatch;
  renewAtMs: number;
  /** When it is looked at which of its certificates expire. */
  lookAtMs: number;
  isRenewing: boolean;
  subscription: Subscription | undefined;
}

/** Renewals at the same time; the platform allows 1,000 a second per merchant. */
const AT_ONCE = 8;
/** A machine that slept, or a clock that jumped, must not make the timer wait for days. */
const LONGEST_WAIT_MS = 6 * 3_600_000;
/** After a credential or a list came in force: a process that lives for a day must not miss it. */
const LOOK_AFTER_MS = 20_000;
const LOOK_SPREAD_MS = 40_000;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * Renews the platform certificates of all merchants on time, each at its own random moment, with one
 * timer; and says which certificates are about to expire. A refresh that somebody else began counts: a
 * failed one is repeated soon, after a good one the period begins anew.
 *
 * @internal
 */
export class RenewalPlan {
  readonly #parts: RenewalPlanParts;
  readonly #entries = new Map<MerchantContext, Entry>();
  readonly #queue = new DueQueue<Entry>();
  #plannedForMs = NEVER;
  #running = 0;
  #isClosed = false;

  constructor(parts: RenewalPlanParts) {
    this.#parts = parts;
  }

  /** @param options `isLazy`: renew only once the merchant has been used */
  add(context: MerchantContext, { isLazy = false }: { readonly isLazy?: boolean } = {}): void {
    const entry: Entry = {
      context,
      isLazy,
      expiry: new ExpiryWatch(),
      renewAtMs: NEVER,
      lookAtMs: NEVER,
      isRenewing: false,
      subscription: undefined,
    };
    this.#entries.set(context, entry);
    entry.renewAtMs = this.#nextRenewalAt(entry);
    const { credentials, certificates, keyEvents } = context;
    const isLoaded = credentials.credential !== undefined || certificates.keyRing.signedAtMs > 0;
    if (isLoaded) entry.lookAtMs = this.#soon();
    entry.subscription = keyEvents.events$.subscribe((event) => this.#hear(entry, event));
    this.#enqueue(entry);
    this.#plan();
  }

  remove(context: MerchantContext): void {
    const entry = this.#entries.get(context);
    if (!entry) return;
    this.#entries.delete(context);
    this.#queue.delete(entry);
    entry.subscription?.unsubscribe();
    if (this.#queue.soonestMs === NEVER) this.#cancel();
  }

  close(): void {
    this.#isClosed = true;
    for (const { subscription } of this.#entries.values()) subscription?.unsubscribe();
    this.#entries.clear();
    this.#queue.clear();
    this.#cancel();
  }

  /** What came of a renewal of our own is seen when it ends. */
  #hear(entry: Entry, event: KeyEvent): void {
    switch (event.type) {
      case 'loaded':
      case 'rotated':
        break;
      case 'renewed':
        if (!entry.isRenewing) entry.renewAtMs = this.#nextRenewalAt(entry, event.source);
        break;
      case 'no-certificates':
        if (!entry.isRenewing) entry.renewAtMs = NEVER;
        break;
      case 'refresh-failed':
        if (entry.isRenewing) return;
        entry.renewAtMs = Math.min(entry.renewAtMs, this.#nextRenewalAt(entry));
        break;
      default:
        return;
    }
    if (event.type !== 'refresh-failed') entry.lookAtMs = Math.min(entry.lookAtMs, this.#soon());
    this.#enqueue(entry);
    this.#plan();
  }

  #enqueue(entry: Entry): void {
    if (this.#entries.get(entry.context) !== entry) return;
    this.#queue.set(entry, Math.min(entry.renewAtMs, entry.lookAtMs));
  }

  #cancel(): void {
    this.#plannedForMs = NEVER;
    this.#parts.timer.cancel();
  }

  /** A timer that is too early does no harm: it finds nothing due, and is planned anew. */
  #plan(): void {
    const { soonestMs } = this.#queue;
    const isFull = this.#running >= AT_ONCE; // whoever ends goes on
    if (this.#isClosed || isFull || soonestMs >= this.#plannedForMs) return;
    const { clock, timer } = this.#parts;
    const nowMs = clock();
    this.#plannedForMs = Math.min(soonestMs, nowMs + LONGEST_WAIT_MS);
    timer.plan(
      () => {
        this.#plannedForMs = NEVER;
        this.#work();
      },
      Math.max(0, this.#plannedForMs - nowMs),
    );
  }

  #work(): void {
    while (this.#running < AT_ONCE) {
      const nowMs = this.#parts.clock();
      const entry = this.#queue.takeDue(nowMs);
      if (!entry) break;
      if (entry.lookAtMs <= nowMs) this.#look(entry, nowMs);
      if (entry.renewAtMs <= nowMs) void this.#renew(entry);
      this.#enqueue(entry);
    }
    this.#plan();
  }

  #look(entry: Entry, nowMs: number): void {
    const { renewal, keyEvents } = entry.context;
    const beforeMs = renewal.renewBeforeMs ?? RENEWAL.defaultRenewBeforeMs;
    entry.lookAtMs = nowMs + RENEWAL.idleMs * (0.9 + 0.2 * this.#parts.random());
    const found = entry.expiry.look(entry.context, nowMs, beforeMs);
    for (const detail of found) keyEvents.publish(detail);
  }

  async #renew(entry: Entry): Promise<void> {
    const { clock, random } = this.#parts;
    const { certificates, renewal } = entry.context;
    entry.renewAtMs = NEVER;
    entry.isRenewing = true;
    this.#running += 1;
    const state = { nowMs: clock(), lastExpiryMs: lastExpiryMs(entry.context, clock()) };
    const outcome = await certificates.renew(youngMs(renewal, state)).catch(() => 'failed');
    this.#running -= 1;
    entry.isRenewing = false;
    entry.renewAtMs =
      outcome === 'busy' // Whoever has the lease may have died with it: look when it has ended.
        ? clock() + LEASE_MS * (1 + 0.5 * random())
        : this.#nextRenewalAt(entry, outcome === 'young' ? 'store' : 'platform');
    this.#enqueue(entry);
    this.#work();
  }

  #soon(): number {
    const { clock, random } = this.#parts;
    return clock() + LOOK_AFTER_MS + LOOK_SPREAD_MS * random();
  }

  /** When somebody else has downloaded the list in force, the period began then. */
  #nextRenewalAt(entry: Entry, source: 'platform' | 'store' = 'platform'): number {
    if (!isPolled(entry)) return NEVER;
    const { clock, random } = this.#parts;
    const { certificates, renewal } = entry.context;
    const nowMs = clock();
    const waitMs = nextRenewalMs(renewal, {
      nowMs,
      failures: certificates.status.failures,
      lastExpiryMs: lastExpiryMs(entry.context, nowMs),
      random: random(),
      ageMs: source === 'store' ? Math.max(0, nowMs - certificates.keyRing.signedAtMs) : 0,
    });
    return nowMs + waitMs;
  }
}

/**
 * A merchant without platform certificates is not asked for them again: the migration is over. One that
 * nobody has used yet has none either; a first use that failed was a use.
 */
function isPolled({ context, isLazy }: Entry): boolean {
  const { usesCertificates, status, keyRing } = context.certificates;
  if (!usesCertificates || status.hasNoCertificates) return false;
  return !isLazy || keyRing.signedAtMs > 0 || status.failures > 0;
}

function lastExpiryMs({ certificates }: MerchantContext, nowMs: number): number | undefined {
  return certificates.keyRing.newestCertificate(nowMs)?.notAfterMs;
}
