import { Observable, share } from 'rxjs';
import { attemptChannel, callChannel, listen, type CallEvent } from '../diagnostics/index.js';
import { WechatPayError } from '../errors/index.js';

/** What calls and their attempts have in common. */
interface Finished {
  /** Name of the merchant's registration. */
  readonly merchant: string;
  readonly mchid: string;
  /** Such as `payments.native.prepay`; `undefined` for a call by path. */
  readonly operation: string | undefined;
  readonly method: string;
  /** Path with `{placeholders}`; of a call by path, that path without what identifies a person. */
  readonly route: string;
  /** HTTP status of the answer, if there was one. */
  readonly status: number | undefined;
  /** The platform's `Request-ID` of that answer. */
  readonly requestId: string | undefined;
  readonly durationMs: number;
  /** Why it failed; `undefined` when it did not. */
  readonly error: WechatPayError | undefined;
}

/**
 * A call has ended.
 *
 * @publicApi
 */
export interface WechatPayHttpCall extends Finished {
  readonly type: 'call';
  /** Attempts that were begun; 0 for one that was refused before. */
  readonly attempts: number;
}

/**
 * An attempt of a call has ended: signed, sent, verified, or why not.
 *
 * @publicApi
 */
export interface WechatPayHttpAttempt extends Finished {
  readonly type: 'attempt';
  /** Scheme and host that it went to. */
  readonly origin: string;
  /** Which attempt of its call, from 1. */
  readonly number: number;
  /** Whether it was begun beside one that had not failed. */
  readonly isHedge: boolean;
}

/**
 * What `httpEvents$` tells; `type` says which.
 *
 * @publicApi
 */
export type WechatPayHttpEvent = WechatPayHttpCall | WechatPayHttpAttempt;

/** The finished calls and attempts of one merchant; costs nothing while nobody is subscribed. */
export function httpEventsOf(of: {
  readonly merchant: string;
  readonly mchid: string;
}): Observable<WechatPayHttpEvent> {
  const isOurs = (call: CallEvent): boolean =>
    call.merchant === of.merchant && call.mchid === of.mchid;
  return new Observable<WechatPayHttpEvent>((subscriber) => {
    const stopAttempts = listen(attemptChannel, {
      begin: now,
      end: (event, startedAtMs) => {
        const { call, origin, number, isHedge } = event;
        if (!isOurs(call)) return;
        const finished = { ...finishedOf(call, startedAtMs), ...resultOf(event) };
        subscriber.next({ type: 'attempt', ...finished, origin, number, isHedge });
      },
    });
    const stopCalls = listen(callChannel, {
      begin: now,
      end: (call, startedAtMs) => {
        if (!isOurs(call)) return;
        const { attempts } = call;
        const finished = { ...finishedOf(call, startedAtMs), ...resultOf(call) };
        subscriber.next({ type: 'call', ...finished, attempts });
      },
    });
    return () => {
      stopAttempts();
      stopCalls();
    };
  }).pipe(share());
}

function now(): number {
  return performance.now();
}

function finishedOf({ merchant, mchid, operation, method, route }: CallEvent, startedAtMs: number) {
  const durationMs = performance.now() - startedAtMs;
  return { merchant, mchid, operation, method, route, durationMs };
}

function resultOf({ status, requestId, error }: Pick<CallEvent, 'status' | 'requestId' | 'error'>) {
  return { status, requestId, error: error === undefined ? undefined : ours(error) };
}

/** A fault of the arguments may be another error; of its content only what is fit for a log is kept. */
function ours(error: unknown): WechatPayError {
  if (error instanceof WechatPayError) return error;
  return new WechatPayError('REQUEST_INVALID', 'The call could not be made: see the cause', {
    cause: error,
  });
}
