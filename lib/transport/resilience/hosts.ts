import { WechatPayTransportError } from '../../errors/index.js';
import { Breaker, type BreakerState } from './breaker.js';
import { isConnectionFailure, isOfAnswer } from './failure-kinds.js';

/** Connection failures in a row after which another host is preferred. */
const FAILURES_IN_A_ROW = 3;
/** How long the other one is, before the first is tried again; doubled up to the longest. */
const PROBATION_MS = 10_000;
const LONGEST_PROBATION_MS = 60_000;

/** What is known of one host, shared by every merchant that calls it. */
class Host {
  readonly breaker: Breaker;
  #failuresInARow = 0;
  #avoidedUntilMs = 0;
  #probationMs = PROBATION_MS;

  constructor(
    readonly origin: string,
    random: () => number,
    onChange: HostListener,
  ) {
    this.breaker = new Breaker(random, (state) => onChange({ origin, state }));
  }

  /** Whether connections to it failed lately, so that another host is better. */
  get isAvoided(): boolean {
    return this.#failuresInARow >= FAILURES_IN_A_ROW;
  }

  /** Whether it was avoided long enough for a call that may fail here. */
  get isDue(): boolean {
    return performance.now() >= this.#avoidedUntilMs;
  }

  /** One call goes there; until it has shown something, no other does. */
  probe(): void {
    this.#avoidedUntilMs = performance.now() + this.#probationMs;
    this.#probationMs = Math.min(LONGEST_PROBATION_MS, this.#probationMs * 2);
  }

  async run<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      const answer = await this.breaker.run(attempt);
      this.#noteAnswer();
      return answer;
    } catch (error) {
      if (isConnectionFailure(error)) this.#noteFailure();
      else if (isOfAnswer(error)) this.#noteAnswer();
      throw error;
    }
  }

  #noteAnswer(): void {
    this.#failuresInARow = 0;
    this.#probationMs = PROBATION_MS;
  }

  #noteFailure(): void {
    this.#failuresInARow += 1;
    if (this.#failuresInARow === FAILURES_IN_A_ROW) this.probe();
  }
}

/** What the hosts of a process tell of themselves. */
export type HostListener = (change: {
  readonly origin: string;
  readonly state: BreakerState;
}) => void;

/** Hosts that are remembered; more can only come from options of very many merchants. */
const MAX_HOSTS = 1_000;

/**
 * Chooses the host of each attempt: the primary one, unless connections to it fail or its breaker is
 * open. One for a process, as a host that is down is down for every merchant.
 *
 * @internal
 */
export class Hosts {
  readonly #hosts = new Map<string, Host>();
  readonly #random: () => number;
  readonly #onChange: HostListener;

  constructor(random: () => number, onChange: HostListener = () => undefined) {
    this.#random = random;
    this.#onChange = onChange;
  }

  /** The state of each host that was called. */
  get states(): readonly { readonly origin: string; readonly state: BreakerState }[] {
    return [...this.#hosts.values()].map(({ origin, breaker }) => ({
      origin,
      state: breaker.state,
    }));
  }

  /**
   * The host for the next attempt.
   *
   * @param origins the primary one first
   * @param options `inVain`: those that the call could not reach just now; `mayProbe`: whether it may be
   * the one that tries a host that was avoided
   * @throws {WechatPayTransportError} `CIRCUIT_OPEN` with `retryAfterMs` when no breaker admits any
   */
  choose(
    origins: readonly string[],
    { inVain, mayProbe }: { readonly inVain: readonly string[]; readonly mayProbe: boolean },
  ): Host {
    let fallback: Host | undefined;
    let worst: Host | undefined;
    let closedForMs = Number.POSITIVE_INFINITY;
    for (const origin of origins) {
      const host = this.#hostOf(origin);
      const forMs = host.breaker.closedForMs;
      if (forMs > 0) {
        closedForMs = Math.min(closedForMs, forMs);
        continue;
      }
      if (inVain.includes(origin)) {
        worst ??= host;
        continue;
      }
      if (!host.isAvoided) return host;
      if (mayProbe && host.isDue) {
        host.probe();
        return host;
      }
      fallback ??= host;
    }
    const last = fallback ?? worst;
    if (last) return last;
    throw new WechatPayTransportError(
      'CIRCUIT_OPEN',
      `No host of the platform answers (${origins.join(', ')}), so the call was not sent: try again in ${Math.ceil(closedForMs)} ms`,
      { isRetryable: true, retryAfterMs: Math.ceil(closedForMs) },
    );
  }

  #hostOf(origin: string): Host {
    const known = this.#hosts.get(origin);
    if (known) return known;
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size >= MAX_HOSTS && oldest !== undefined) this.#hosts.delete(oldest);
    const host = new Host(origin, this.#random, this.#onChange);
    this.#hosts.set(origin, host);
    return host;
  }
}

export type { Host };
