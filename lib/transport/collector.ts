import type { Dispatcher } from 'undici';
import { WechatPayTransportError } from '../errors/index.js';
import type { AnswerHeaders, RawAnswer } from './answer.js';
import type { Limit } from './limit.js';

const EMPTY = Buffer.alloc(0);

/**
 * Takes one answer in, up to `maxBytes`, and stops when its limit says so. Works on undici's
 * dispatch events: no stream is made for a body that is wanted whole.
 *
 * @internal
 */
export class AnswerCollector implements Dispatcher.DispatchHandler {
  readonly #chunks: Buffer[] = [];
  readonly #maxBytes: number;
  readonly #resolve: (answer: RawAnswer) => void;
  readonly #reject: (error: Error) => void;
  readonly #limit: Limit;
  readonly #forget: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #failure: Error | undefined;
  #isDone = false;
  #size = 0;
  #status = 0;
  #headers: AnswerHeaders = {};

  constructor(
    limit: Limit,
    maxBytes: number,
    resolve: (answer: RawAnswer) => void,
    reject: (error: Error) => void,
  ) {
    this.#maxBytes = maxBytes;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#limit = limit;
    this.#forget = limit.onEnd((reason) => this.#abort(reason));
  }

  /** Whether bytes of the request may have left: undici starts a request when it has a socket. */
  get wasSent(): boolean {
    return this.#controller !== undefined;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#failure)
      controller.abort(this.#failure); // ended while waiting for a socket
    else {
      this.#controller = controller;
      this.#limit.wasSent = true;
    }
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: AnswerHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    if (Number(headers['content-length']) > this.#maxBytes) this.#abort(this.#tooLarge());
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#maxBytes) this.#abort(this.#tooLarge());
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body =
      first === undefined ? EMPTY : this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#settle(() => this.#resolve({ status: this.#status, headers: this.#headers, body }));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(() => this.#reject(this.#failure ?? error));
  }

  #abort(reason: Error): void {
    this.#failure ??= reason;
    this.#controller?.abort(reason);
    this.#settle(() => this.#reject(reason));
  }

  #settle(how: () => void): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#forget();
    how();
  }

  #tooLarge(): WechatPayTransportError {
    return new WechatPayTransportError(
      'ANSWER_TOO_LARGE',
      `The answer is larger than ${this.#maxBytes} bytes: fetch files with stream()`,
      { wasSent: true },
    );
  }
}
