export type {
  HttpMethod,
  WechatPayAnswer,
  WechatPayCallOptions,
  WechatPayRequest,
  WechatPayStream,
  WechatPayStreamOptions,
} from './http.interface.js';
export { parseJson } from './json.js';
export { expandPath, type QueryValue } from './target.js';
export { WechatPayHttpService, type HttpServiceParts } from './wechat-pay-http.service.js';
