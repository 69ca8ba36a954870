export {
  attemptChannel,
  breakerChannel,
  callChannel,
  CHANNELS,
  isHeard,
  notificationChannel,
  traced,
  type AttemptEvent,
  type BreakerEvent,
  type CallEvent,
  type NotificationEvent,
} from './channels.js';
