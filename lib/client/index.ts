export { rfc3339, yuan } from './format.js';
export type { AppInvocation, JsapiInvocation } from './invocation.js';
export { requestIdOf, type WechatPayClientCallOptions } from './operation-caller.js';
export {
  AppPayments,
  JsapiPayments,
  PaymentProduct,
  type OrderBody,
  type PrepayOptions,
} from './payments.js';
export { Refunds } from './refunds.js';
export type { SettledOrder } from './settle.js';
export {
  WechatPayClient,
  type PartnerPayments,
  type Payments,
  type WechatPayPartnerClient,
} from './wechat-pay.client.js';
