import type { PartnerAppPrepayRequest } from '../api/partner-payments/app.js';
import { partnerAppOperations } from '../api/partner-payments/app.js';
import type {
  PartnerH5PrepayRequest,
  PartnerH5PrepayResponse,
} from '../api/partner-payments/h5.js';
import { partnerH5Operations } from '../api/partner-payments/h5.js';
import type { PartnerJsapiPrepayRequest } from '../api/partner-payments/jsapi.js';
import { partnerJsapiOperations } from '../api/partner-payments/jsapi.js';
import type {
  PartnerNativePrepayRequest,
  PartnerNativePrepayResponse,
} from '../api/partner-payments/native.js';
import { partnerNativeOperations } from '../api/partner-payments/native.js';
import type { PartnerPaymentTransaction } from '../api/partner-payments/shared.js';
import type { AppPrepayRequest } from '../api/payments/app.js';
import { appOperations } from '../api/payments/app.js';
import type { H5PrepayRequest, H5PrepayResponse } from '../api/payments/h5.js';
import { h5Operations } from '../api/payments/h5.js';
import type { JsapiPrepayRequest } from '../api/payments/jsapi.js';
import { jsapiOperations } from '../api/payments/jsapi.js';
import type { NativePrepayRequest, NativePrepayResponse } from '../api/payments/native.js';
import { nativeOperations } from '../api/payments/native.js';
import type { PaymentTransaction } from '../api/payments/shared.js';
import type { WechatPayHttpService } from '../http/index.js';
import { directIdentity, partnerIdentity } from './merchant-identity.js';
import { AppPayments, JsapiPayments, PaymentProduct, type ClientParts } from './payments.js';
import { Refunds } from './refunds.js';

/**
 * Payment products by name.
 *
 * @publicApi
 */
export interface Payments {
  readonly jsapi: JsapiPayments<JsapiPrepayRequest, PaymentTransaction>;
  readonly app: AppPayments<AppPrepayRequest, PaymentTransaction>;
  readonly h5: PaymentProduct<H5PrepayRequest, H5PrepayResponse, PaymentTransaction>;
  readonly native: PaymentProduct<NativePrepayRequest, NativePrepayResponse, PaymentTransaction>;
}

/**
 * Payment products of a service provider (服务商) by name.
 *
 * @publicApi
 */
export interface PartnerPayments {
  readonly jsapi: JsapiPayments<PartnerJsapiPrepayRequest, PartnerPaymentTransaction>;
  readonly app: AppPayments<PartnerAppPrepayRequest, PartnerPaymentTransaction>;
  readonly h5: PaymentProduct<
    PartnerH5PrepayRequest,
    PartnerH5PrepayResponse,
    PartnerPaymentTransaction
  >;
  readonly native: PaymentProduct<
    PartnerNativePrepayRequest,
    PartnerNativePrepayResponse,
    PartnerPaymentTransaction
  >;
}

/**
 * What a service provider does for one sub-merchant.
 *
 * @publicApi
 */
export interface WechatPayPartnerClient {
  readonly payments: PartnerPayments;
  readonly refunds: Refunds;
}

/**
 * The typed client of the platform. Bodies and results have the platform's own names; mchid, appid
 * and notify_url are filled in from the merchant's options when left out.
 *
 * @publicApi
 */
export class WechatPayClient {
  readonly payments: Payments;
  readonly refunds: Refunds;
  /** Signed calls to everything that has no typed method. */
  readonly http: WechatPayHttpService;
  readonly #parts: ClientParts & { readonly mchid: string };

  /** @internal */
  constructor(parts: ClientParts & { readonly mchid: string }) {
    this.#parts = parts;
    this.http = parts.http;
    const identity = directIdentity(parts.mchid);
    this.payments = {
      jsapi: new JsapiPayments(parts, identity, jsapiOperations),
      app: new AppPayments(parts, identity, appOperations),
      h5: new PaymentProduct(parts, identity, h5Operations),
      native: new PaymentProduct(parts, identity, nativeOperations),
    };
    this.refunds = new Refunds(parts, identity);
  }

  /**
   * The same for a sub-merchant (特约商户), as a service provider: `sp_mchid` and `sub_mchid` are
   * filled in.
   *
   * @throws {WechatPayRequestError} when `subMchid` is not a number
   */
  partner(subMchid: string): WechatPayPartnerClient {
    const parts = this.#parts;
    const identity = partnerIdentity(parts.mchid, subMchid);
    return {
      payments: {
        jsapi: new JsapiPayments(parts, identity, partnerJsapiOperations),
        app: new AppPayments(parts, identity, partnerAppOperations),
        h5: new PaymentProduct(parts, identity, partnerH5Operations),
        native: new PaymentProduct(parts, identity, partnerNativeOperations),
      },
      refunds: new Refunds(parts, identity),
    };
  }
}
