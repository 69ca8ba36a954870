import type { Observable, Subscription } from 'rxjs';

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/**
 * Follows the changes of a source: reloads at each, one load at a time, and again with growing
 * pauses while the new credential is refused (a certificate may be replaced a moment after its key).
 * A watch that breaks or ends is started again, and what it missed is loaded then.
 */
export class CredentialFollower {
  readonly #changes: Observable<unknown>;
  readonly #reload: () => Promise<unknown>;
  readonly #random: () => number;
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #breaks = 0;
  #isReloading = false;
  #isDue = false;
  #isStopped = false;

  constructor(changes: Observable<unknown>, reload: () => Promise<unknown>, random: () => number) {
    this.#changes = changes;
    this.#reload = reload;
    this.#random = random;
    this.#watch();
  }

  stop(): void {
    this.#isStopped = true;
    this.#subscription?.unsubscribe();
    clearTimeout(this.#timer);
  }

  #watch(): void {
    const again = (): void => this.#watchAgain();
    this.#subscription = this.#changes.subscribe({
      next: () => {
        this.#breaks = 0;
        void this.#follow();
      },
      error: again,
      complete: again,
    });
  }

  #watchAgain(): void {
    if (this.#isStopped) return;
    const timer = setTimeout(() => {
      if (this.#isStopped) return;
      this.#watch();
      void this.#follow(); // whatever changed while nobody watched
    }, this.#pauseMs(this.#breaks++));
    timer.unref();
  }

  async #follow(): Promise<void> {
    if (this.#isReloading) {
      this.#isDue = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#isReloading = true;
    do {
      this.#isDue = false;
      await this.#reload().then(
        () => (this.#failures = 0),
        () => (this.#failures += 1), // whoever refused it has said so
      );
    } while (this.#isDue && !this.#isStopped);
    this.#isReloading = false;
    if (this.#failures > 0 && !this.#isStopped) {
      this.#timer = setTimeout(() => void this.#follow(), this.#pauseMs(this.#failures - 1));
      this.#timer.unref();
    }
  }

  #pauseMs(earlier: number): number {
    const pause = Math.min(FIRST_RETRY_MS * 2 ** Math.min(earlier, 10), MAX_RETRY_MS);
    return Math.round(pause * (0.75 + 0.5 * this.#random()));
  }
}
