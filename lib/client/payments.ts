import type { Operation } from '../api/operation.js';
import type { WechatPayHttpService } from '../http/index.js';
import type { MerchantCredentialProvider } from '../merchant/index.js';
import {
  signAppInvocation,
  signJsapiInvocation,
  type AppInvocation,
  type JsapiInvocation,
} from './invocation.js';
import {
  appidOf,
  completeOrder,
  type ClientDefaults,
  type MerchantIdentity,
} from './merchant-identity.js';
import { callOperation, type WechatPayClientCallOptions } from './operation-caller.js';
import { found, type SettledOrder } from './settle.js';

/** What the parts of a client share. */
export interface ClientParts extends ClientDefaults {
  readonly http: WechatPayHttpService;
  readonly credentials: MerchantCredentialProvider;
  readonly clock: () => number;
}

/** The four operations that every payment product has. */
export interface PaymentOperations<Body, Result, Transaction> {
  readonly prepay: Operation<Record<string, never>, Record<string, never>, Body, Result>;
  readonly queryOrderByOutTradeNo: Operation<
    { out_trade_no: string },
    unknown,
    undefined,
    Transaction
  >;
  readonly queryOrderById: Operation<{ transaction_id: string }, unknown, undefined, Transaction>;
  readonly closeOrder: Operation<{ out_trade_no: string }, unknown, unknown, void>;
}

/**
 * Settings of a prepay.
 *
 * @publicApi
 */
export interface PrepayOptions extends WechatPayClientCallOptions {
  /** Name of one of several configured appids, used when the body has none. */
  readonly appid?: string | undefined;
}

/**
 * The body of an order; what the merchant's options know may be left out.
 *
 * @publicApi
 */
export type OrderBody<Body> = Omit<Body, FilledIn> &
  Partial<Pick<Body, Extract<keyof Body, FilledIn>>>;
type FilledIn = 'mchid' | 'sp_mchid' | 'sub_mchid' | 'appid' | 'sp_appid' | 'notify_url';

/**
 * Orders of one payment product: create, query, close. Wire names stay the platform's. What these
 * methods throw is listed at `WechatPayHttpService.request`.
 *
 * @publicApi
 */
export class PaymentProduct<Body extends object, Result, Transaction> {
  readonly #parts: ClientParts;
  readonly #identity: MerchantIdentity;
  readonly #operations: PaymentOperations<Body, Result, Transaction>;

  /** @internal */
  constructor(
    parts: ClientParts,
    identity: MerchantIdentity,
    operations: PaymentOperations<Body, Result, Transaction>,
  ) {
    this.#parts = parts;
    this.#identity = identity;
    this.#operations = operations;
  }

  // Getters: what is behind them must not show when an application inspects or serialises a client.
  /** @internal */
  protected get parts(): ClientParts {
    return this.#parts;
  }

  /** @internal */
  protected get identity(): MerchantIdentity {
    return this.#identity;
  }

  /**
   * Creates an order (下单). Idempotent by `out_trade_no`: may be repeated with everything unchanged.
   */
  async prepay(body: OrderBody<Body>, options: PrepayOptions = {}): Promise<Result> {
    return this.place(this.complete(body, options), options);
  }

  /**
   * Finds out what became of an order after an unknown result: asks by its `out_trade_no`, and places it
   * again with the very same body where the platform does not have it or it still waits for its
   * payment. Never with another number. May be called again until it succeeds.
   *
   * @param body the body of the `prepay` that failed
   */
  async settle(
    body: OrderBody<Body>,
    options: PrepayOptions = {},
  ): Promise<SettledOrder<Result, Transaction>> {
    const complete = this.complete(body, options);
    const transaction = await found(
      this.queryByOutTradeNo(String(complete['out_trade_no'] ?? ''), options),
    );
    const state = (transaction as { trade_state?: unknown } | undefined)?.trade_state;
    if (transaction !== undefined && state !== 'NOTPAY') return { state: 'advanced', transaction };
    return { state: 'placed', result: await this.place(complete, options) };
  }

  /** Queries an order by the merchant's number (商户订单号). */
  queryByOutTradeNo(
    outTradeNo: string,
    options?: WechatPayClientCallOptions,
  ): Promise<Transaction> {
    const input = { path: { out_trade_no: outTradeNo }, query: this.identity.numbers };
    return callOperation(this.parts.http, this.#operations.queryOrderByOutTradeNo, input, options);
  }

  /** Queries an order by the platform's number (微信支付订单号). */
  queryById(transactionId: string, options?: WechatPayClientCallOptions): Promise<Transaction> {
    const input = { path: { transaction_id: transactionId }, query: this.identity.numbers };
    return callOperation(this.parts.http, this.#operations.queryOrderById, input, options);
  }

  /** Closes an unpaid order (关闭订单). */
  close(outTradeNo: string, options?: WechatPayClientCallOptions): Promise<void> {
    const input = { path: { out_trade_no: outTradeNo }, body: this.identity.numbers };
    return callOperation(this.parts.http, this.#operations.closeOrder, input, options);
  }

  protected complete(body: object, options: PrepayOptions): Record<string, unknown> {
    return completeOrder(body, this.identity, this.parts, options.appid);
  }

  protected place(body: object, options: WechatPayClientCallOptions): Promise<Result> {
    return callOperation(this.parts.http, this.#operations.prepay, { body }, options);
  }
}

/**
 * JSAPI and mini program (小程序) payments.
 *
 * @publicApi
 */
export class JsapiPayments<Body extends object, Transaction> extends PaymentProduct<
  Body,
  { readonly prepay_id: string },
  Transaction
> {
  /** Creates an order and signs the parameters for the page in one call. */
  async prepayWithInvocation(
    body: OrderBody<Body>,
    options: PrepayOptions = {},
  ): Promise<{ prepay_id: string; invocation: JsapiInvocation }> {
    const complete = this.complete(body, options);
    const { prepay_id } = await this.place(complete, options);
    const invocation = await this.invocation(prepay_id, {
      appid: payingAppid(complete, this.identity),
    });
    return { prepay_id, invocation };
  }

  /**
   * Signs the parameters that open the payment of a prepay_id, which lives for two hours.
   *
   * @param options.appid the appid that owns the payer's openid, or its name in the options. @default the configured one
   */
  async invocation(prepayId: string, options: { appid?: string } = {}): Promise<JsapiInvocation> {
    const appid = appidOf(this.parts.appids, options.appid);
    const credential = await this.parts.credentials.get();
    return signJsapiInvocation(credential, appid, prepayId, this.parts.clock());
  }
}

/**
 * APP payments.
 *
 * @publicApi
 */
export class AppPayments<Body extends object, Transaction> extends PaymentProduct<
  Body,
  { readonly prepay_id: string },
  Transaction
> {
  /**
   * Creates an order and signs the parameters for the app in one call.
   *
   * @param options.partnerId see {@link invocation}
   */
  async prepayWithInvocation(
    body: OrderBody<Body>,
    options: PrepayOptions & { partnerId?: string | undefined } = {},
  ): Promise<{ prepay_id: string; invocation: AppInvocation }> {
    const complete = this.complete(body, options);
    const { prepay_id } = await this.place(complete, options);
    const appid = payingAppid(complete, this.identity);
    const invocation = await this.invocation(prepay_id, { appid, partnerId: options.partnerId });
    return { prepay_id, invocation };
  }

  /**
   * Signs the parameters that open the payment of a prepay_id, which lives for two hours.
   *
   * @param options.appid the appid of the app, or its name in the options. @default the configured one
   * @param options.partnerId the mchid shown to the SDK; some service providers whose sub-merchant's
   * app pays need the sub-merchant's. @default the mchid that placed the order
   */
  async invocation(
    prepayId: string,
    options: { appid?: string | undefined; partnerId?: string | undefined } = {},
  ): Promise<AppInvocation> {
    const appid = appidOf(this.parts.appids, options.appid);
    const credential = await this.parts.credentials.get();
    const partnerId = options.partnerId ?? this.identity.mchid;
    return signAppInvocation(credential, appid, prepayId, partnerId, this.parts.clock());
  }
}

/** The appid in whose page or app the payer pays: the sub-merchant's when its openid is given. */
function payingAppid(body: Record<string, unknown>, identity: MerchantIdentity): string {
  const { payer } = body as { payer?: Record<string, unknown> };
  const isSubMerchants =
    typeof body['sub_appid'] === 'string' &&
    (payer?.['sub_openid'] !== undefined || payer?.['sp_openid'] === undefined);
  return String(body[isSubMerchants ? 'sub_appid' : identity.appidField]);
}
