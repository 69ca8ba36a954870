export { instrumentWechatPay, type InstrumentWechatPayOptions } from './instrument.js';
export {
  WechatPayOpenTelemetryModule,
  type WechatPayOpenTelemetryOptions,
} from './opentelemetry.module.js';
