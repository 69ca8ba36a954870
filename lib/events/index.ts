export {
  KeyEvents,
  type CertificateOwner,
  type KeyEvent,
  type KeyEventDetail,
} from './key-events.js';
