import type { Deadline } from '../deadline.js';
import type { Attempt } from './attempt.js';
import { isConnectionFailure } from './failure-kinds.js';
import { raceHedges } from './hedge.js';
import type { Host, Hosts } from './hosts.js';
import type { RetryBudget } from './retry-budget.js';
import { nextStep } from './retry-rules.js';
import { StartedAttempt } from './started-attempt.js';

/** What all calls of a process share. */
export interface ResilienceParts {
  readonly hosts: Hosts;
  readonly budget: RetryBudget;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** What one call may do. */
export interface CallPlan {
  readonly deadline: Deadline;
  /** Hosts, the primary one first. */
  readonly origins: readonly string[];
  /** Whether the request may be sent again though the platform may have executed it. */
  readonly isRepeatable: boolean;
  /** Repetitions after the first attempt; going to another host with what never left is none. */
  readonly maxRetries: number;
  /** How long an attempt may take if another one may follow, in milliseconds. */
  readonly attemptTimeoutMs: number;
  /** After which time without an answer another attempt begins beside it; `undefined` for never. */
  readonly hedgeAfterMs?: number | undefined;
}

/** What an attempt does: sign, send, verify. */
export type AttemptWork<T> = (attempt: Attempt) => Promise<T>;

/**
 * The way of a call through everything that may go wrong: choose a host by its breaker, attempt, and
 * again or not, until the deadline. (Admission comes before it.)
 *
 * @throws what the last attempt threw, `CIRCUIT_OPEN`, or why the call ended
 * @internal
 */
export function runCall<T>(
  parts: ResilienceParts,
  plan: CallPlan,
  work: AttemptWork<T>,
): Promise<T> {
  return new CallRun(parts, plan, work).run();
}

class CallRun<T> {
  readonly #parts: ResilienceParts;
  readonly #plan: CallPlan;
  readonly #work: AttemptWork<T>;
  /** Hosts that could not be reached; forgotten when it was all of them. */
  readonly #inVain: string[] = [];
  #attempts = 0;
  #retriesLeft: number;

  constructor(parts: ResilienceParts, plan: CallPlan, work: AttemptWork<T>) {
    this.#parts = parts;
    this.#plan = plan;
    this.#work = work;
    this.#retriesLeft = plan.maxRetries;
  }

  async run(): Promise<T> {
    this.#parts.budget.deposit();
    let host = this.#choose();
    for (;;) {
      try {
        return await this.#round(host);
      } catch (error) {
        if (isConnectionFailure(error)) this.#inVain.push(host.origin);
        await this.#prepareNext(error);
        try {
          host = this.#choose();
        } catch {
          throw error; // it says more than that no host is left
        }
      }
    }
  }

  #choose(): Host {
    const { origins, isRepeatable } = this.#plan;
    return this.#parts.hosts.choose(origins, { inVain: this.#inVain, mayProbe: isRepeatable });
  }

  /** Returns when another attempt may begin. */
  async #prepareNext(error: unknown): Promise<void> {
    const { budget, random } = this.#parts;
    const { deadline, isRepeatable } = this.#plan;
    if (deadline.reason) throw error;
    const step = nextStep({
      error,
      retriesLeft: this.#retriesLeft,
      attempts: this.#attempts,
      isRepeatable,
      hasOtherHost: this.#hasOtherHost(),
      random,
    });
    if (step.type === 'other-host') return;
    if (step.type === 'give-up' || step.afterMs >= deadline.remainingMs || !budget.tryTake()) {
      throw error;
    }
    this.#retriesLeft -= 1;
    if (!this.#hasOtherHost()) this.#inVain.length = 0;
    await deadline.pause(step.afterMs);
  }

  #hasOtherHost(except?: string): boolean {
    return this.#plan.origins.some((origin) => origin !== except && !this.#inVain.includes(origin));
  }

  /** One attempt, with others beside it where the plan says so. */
  #round(host: Host): Promise<T> {
    const { deadline, hedgeAfterMs } = this.#plan;
    const first = this.#start(host, false);
    if (hedgeAfterMs === undefined || this.#retriesLeft === 0) return first.answer;
    return raceHedges(first, { deadline, afterMs: hedgeAfterMs, next: () => this.#hedge(host) });
  }

  #hedge(host: Host): StartedAttempt<T> | undefined {
    if (this.#retriesLeft === 0 || host.breaker.closedForMs > 0) return undefined;
    if (!this.#parts.budget.tryTake()) return undefined;
    this.#retriesLeft -= 1;
    return this.#start(host, true);
  }

  #start(host: Host, isHedge: boolean): StartedAttempt<T> {
    const { deadline, isRepeatable, attemptTimeoutMs } = this.#plan;
    this.#attempts += 1;
    return new StartedAttempt({
      deadline,
      host,
      number: this.#attempts,
      isHedge,
      work: this.#work,
      attemptTimeoutMs: isRepeatable && this.#retriesLeft > 0 ? attemptTimeoutMs : undefined,
      mayRepeat: () => this.#parts.budget.hasOne,
      hasOtherHost: this.#hasOtherHost(host.origin),
    });
  }
}
