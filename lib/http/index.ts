export type {
  HttpMethod,
  OperationFacts,
  WechatPayAnswer,
  WechatPayCallOptions,
  WechatPayFailedCall,
  WechatPayFallback,
  WechatPayLoad,
  WechatPayRequest,
  WechatPayStream,
  WechatPayStreamOptions,
} from './http.interface.js';
export type { WechatPayHttpAttempt, WechatPayHttpCall, WechatPayHttpEvent } from './http-events.js';
export { parseJson } from './json.js';
export { expandPath, type QueryValue } from './target.js';
export type { CallSettings } from './signed-call.js';
export { WechatPayHttpService, type HttpServiceParts } from './wechat-pay-http.service.js';
