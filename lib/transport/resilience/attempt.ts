import { Limit } from '../limit.js';

/**
 * One attempt of a call: where it goes, and what may end it before the call itself ends.
 *
 * @internal
 */
export class Attempt extends Limit {
  readonly #forget: () => void;

  /**
   * @param origin the host that it goes to
   * @param number which attempt of the call this is, from 1
   * @param isHedge whether it was begun beside one that had not failed
   */
  constructor(
    call: Limit,
    readonly origin: string,
    readonly number: number,
    readonly isHedge: boolean,
  ) {
    super();
    this.#forget = call.onEnd((reason) => this.end(reason));
  }

  /** Must be called when it is over. */
  dispose(): void {
    this.#forget();
    this.forgetAll();
  }
}
