export {
  HEALTH_CONTEXTS,
  WechatPayHealthIndicator,
  type HealthContexts,
  type WechatPayHealthOptions,
} from './wechat-pay.health.js';
