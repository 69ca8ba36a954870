import { LEASE_MS, nextRenewalMs, RENEWAL, youngMs } from '../certificates/index.js';
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
  dueAtMs: number;
}

/** Renewals at the same time; the platform allows 1,000 a second per merchant. */
const AT_ONCE = 8;
/** A machine that slept, or a clock that jumped, must not make the timer wait for days. */
const LONGEST_WAIT_MS = 6 * 3_600_000;

/**
 * Renews the platform certificates of all merchants on time, each at its own random moment, with one
 * timer; and says which certificates are about to expire.
 *
 * @internal
 */
export class RenewalPlan {
  readonly #parts: RenewalPlanParts;
  readonly #entries = new Map<MerchantContext, Entry>();
  #plannedForMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isClosed = false;

  constructor(parts: RenewalPlanParts) {
    this.#parts = parts;
  }

  /** @param options `isLazy`: renew only once the merchant has been used */
  add(context: MerchantContext, { isLazy = false }: { readonly isLazy?: boolean } = {}): void {
    const entry = { context, isLazy, expiry: new ExpiryWatch(), dueAtMs: 0 };
    entry.dueAtMs = this.#parts.clock() + this.#nextMs(entry);
    this.#entries.set(context, entry);
    if (!this.#isRunning && entry.dueAtMs < this.#plannedForMs) this.#plan();
  }

  remove(context: MerchantContext): void {
    this.#entries.delete(context);
    if (this.#entries.size === 0) this.#cancel();
  }

  close(): void {
    this.#isClosed = true;
    this.#entries.clear();
    this.#cancel();
  }

  #cancel(): void {
    this.#plannedForMs = Number.POSITIVE_INFINITY;
    this.#parts.timer.cancel();
  }

  #plan(): void {
    if (this.#isClosed || this.#entries.size === 0) return;
    const { clock, timer } = this.#parts;
    let soonest = clock() + LONGEST_WAIT_MS;
    for (const { dueAtMs } of this.#entries.values()) soonest = Math.min(soonest, dueAtMs);
    this.#plannedForMs = soonest;
    timer.plan(() => void this.#run(), Math.max(0, soonest - clock()));
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const nowMs = this.#parts.clock();
    const due = [...this.#entries.values()].filter(({ dueAtMs }) => dueAtMs <= nowMs);
    const work = async (): Promise<void> => {
      for (let entry = due.pop(); entry; entry = due.pop()) {
        if (this.#entries.get(entry.context) === entry) await this.#serve(entry);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    this.#isRunning = false;
    this.#plan();
  }

  async #serve(entry: Entry): Promise<void> {
    const { clock, random } = this.#parts;
    const { context } = entry;
    const { certificates, renewal, keyEvents } = context;
    let waitMs: number | undefined;
    let ageMs = 0;
    if (isPolled(entry)) {
      const state = { nowMs: clock(), lastExpiryMs: lastExpiryMs(context, clock()) };
      const outcome = await certificates.renew(youngMs(renewal, state)).catch(() => 'failed');
      // Whoever has the lease may have died with it: look again when it has ended.
      if (outcome === 'busy') waitMs = LEASE_MS * (1 + 0.5 * random());
      // Somebody else renewed it: the next period began then.
      if (outcome === 'young') ageMs = Math.max(0, clock() - certificates.keyRing.signedAtMs);
    }
    const nowMs = clock();
    const beforeMs = renewal.renewBeforeMs ?? RENEWAL.defaultRenewBeforeMs;
    for (const detail of entry.expiry.look(context, nowMs, beforeMs)) keyEvents.publish(detail);
    entry.dueAtMs = nowMs + (waitMs ?? this.#nextMs(entry, ageMs));
  }

  #nextMs(entry: Entry, ageMs = 0): number {
    const { clock, random } = this.#parts;
    const { certificates, renewal } = entry.context;
    const nowMs = clock();
    if (!certificates.usesCertificates || certificates.status.hasNoCertificates) {
      return RENEWAL.idleMs * (0.9 + 0.2 * random());
    }
    return nextRenewalMs(renewal, {
      nowMs,
      failures: certificates.status.failures,
      lastExpiryMs: lastExpiryMs(entry.context, nowMs),
      random: random(),
      ageMs,
    });
  }
}

/** A merchant without platform certificates is not asked for them again: the migration is over. */
function isPolled({ context, isLazy }: Entry): boolean {
  const { usesCertificates, status, keyRing } = context.certificates;
  if (!usesCertificates || status.hasNoCertificates) return false;
  return !isLazy || keyRing.signedAtMs > 0;
}

function lastExpiryMs({ certificates }: MerchantContext, nowMs: number): number | undefined {
  return certificates.keyRing.newestCertificate(nowMs)?.notAfterMs;
}
