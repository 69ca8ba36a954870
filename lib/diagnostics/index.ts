export {
  attemptChannel,
  breakerChannel,
  callChannel,
  CHANNELS,
  handlerChannel,
  isHeard,
  notificationChannel,
  traced,
  type AttemptEvent,
  type BreakerEvent,
  type CallEvent,
  type HandlerEvent,
  type NotificationEvent,
} from './channels.js';
export { listen, type Listener } from './listen.js';
export {
  OBSERVED_MERCHANTS,
  type ObservedMerchant,
  type ObservedMerchants,
} from './observed-merchants.js';
export { withTrace } from './trace-label.js';
export { addTracingSystem, type TracingSystem } from './tracing-system.js';
