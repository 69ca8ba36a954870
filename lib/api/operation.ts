import type { HttpMethod } from '../http/index.js';

/**
 * What makes a repeated write the same request.
 *
 * @publicApi
 */
export interface Idempotency {
  /** The merchant's own number, such as `out_trade_no`, and where it stands. */
  readonly by: string;
  readonly in: 'body' | 'path';
  /** `in-call`: a call may repeat it by itself; `later`: the platform asks for a minute before that. */
  readonly repeat: 'in-call' | 'later';
  /** The query that tells what became of it. */
  readonly query: string;
}

/**
 * One operation of the platform as data.
 *
 * `Path`, `Query`, `Body` and `Result` are phantom types: the wire shapes, spelled as the platform
 * spells them. Nothing of them exists at run time.
 *
 * A field path names object keys joined by dots; `[]` steps into every element of an array:
 * `payer.identity.number`, `receivers.[].name`.
 *
 * @publicApi
 */
export interface Operation<Path, Query, Body, Result> {
  /** Service and operation, `payments.native.prepay`: stable, used in errors, logs and spans. */
  readonly id: string;
  readonly method: HttpMethod;
  /** Path template with `{name}` placeholders; each stands for one whole path segment. */
  readonly path: string;
  readonly pathParams: readonly string[];
  readonly queryParams: readonly string[];
  /** Whether a JSON body is sent. */
  readonly hasBody: boolean;
  /** Field paths of the request body that travel encrypted for the platform. */
  readonly encrypted: readonly string[];
  /** Field paths of the answer that arrive encrypted for the merchant. */
  readonly decrypted: readonly string[];
  /** `undefined` for reads, and for writes that are not known to be idempotent. */
  readonly idempotency: Idempotency | undefined;
  /** Never set: carries the phantom types. */
  readonly types?: { path: Path; query: Query; body: Body; result: Result };
}
