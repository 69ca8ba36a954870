import { WechatPayApiError } from '../errors/index.js';

/**
 * What became of an order whose placing had an unknown result.
 *
 * @publicApi
 */
export type SettledOrder<Result, Transaction> =
  /** It is placed and waits for its payment: what `prepay` answers. */
  | { readonly state: 'placed'; readonly result: Result }
  /** It went further meanwhile: paid, closed, refunded; see `transaction.trade_state`. */
  | { readonly state: 'advanced'; readonly transaction: Transaction };

/**
 * What a query finds; `undefined` when the platform knows no such number.
 *
 * @throws whatever else the query throws
 */
export async function found<T>(query: Promise<T>): Promise<T | undefined> {
  try {
    return await query;
  } catch (error) {
    if (error instanceof WechatPayApiError && error.status === 404) return undefined;
    throw error;
  }
}
