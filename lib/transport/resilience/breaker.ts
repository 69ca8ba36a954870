import {
  circuitBreaker,
  CircuitState,
  handleWhen,
  SamplingBreaker,
  type CircuitBreakerPolicy,
  type IBackoff,
} from 'cockatiel';
import { isHostFailure, isOfAnswer } from './failure-kinds.js';

/** Source: the parameters that this field has settled on; half of at least 20 requests in 10 s. */
const WINDOW_MS = 10_000;
const MINIMUM_PER_SECOND = 20 / (WINDOW_MS / 1_000);
/** "Half of them" must open it: the library wants more than the threshold. */
const THRESHOLD = 0.499_999;
/** How long it stays open. Shorter by a random part, so that a fleet does not probe in one moment. */
const SLEEP_MS = 5_000;
const JITTER = 0.2;

/** A guess of how long a probe takes: others may ask again then. */
const PROBE_MS = 500;

/** What a breaker is doing. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * The circuit breaker of one host. The library does the counting; this says what counts and when there
 * is room for a request, so that nobody waits in line for a probe.
 *
 * @internal
 */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy;
  readonly #sample = createSample();
  #usedAtMs = 0;
  #openedAtMs = 0;
  #sleepMs = 0;

  constructor(random: () => number, onChange: (state: BreakerState) => void) {
    const next = (): IBackoff<unknown> => {
      this.#sleepMs = SLEEP_MS * (1 - JITTER * random());
      return { duration: this.#sleepMs, next };
    };
    // A probe that its caller ends has shown nothing: the host stays out.
    const counts = (error: Error): boolean =>
      isHostFailure(error) || (!isOfAnswer(error) && this.state === 'half-open');
    this.#policy = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: { next },
      breaker: this.#sample,
    });
    this.#policy.onBreak(() => (this.#openedAtMs = Date.now()));
    this.#policy.onStateChange(() => onChange(this.state));
  }

  get state(): BreakerState {
    const { state } = this.#policy;
    if (state === CircuitState.Closed) return 'closed';
    return state === CircuitState.HalfOpen ? 'half-open' : 'open';
  }

  /** How long it will admit nobody, in milliseconds; 0 while there is room. */
  get closedForMs(): number {
    const { state } = this;
    if (state === 'closed') return 0;
    if (state === 'half-open') return PROBE_MS;
    return Math.max(0, this.#openedAtMs + this.#sleepMs - Date.now());
  }

  /** Runs an attempt that {@link closedForMs} left room for, and counts what comes of it. */
  run<T>(attempt: () => Promise<T>): Promise<T> {
    const nowMs = Date.now();
    // The library's window moves only while there is traffic: what is older than it is forgotten here.
    if (nowMs - this.#usedAtMs > WINDOW_MS) this.#sample.state = createSample().state;
    this.#usedAtMs = nowMs;
    return this.#policy.execute(attempt);
  }
}

function createSample(): SamplingBreaker {
  return new SamplingBreaker({
    threshold: THRESHOLD,
    duration: WINDOW_MS,
    minimumRps: MINIMUM_PER_SECOND,
  });
}
