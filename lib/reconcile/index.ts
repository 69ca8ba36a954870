export {
  PaymentReconciler,
  type ReconcileOptions,
  type ReconcileReport,
  type Unsettled,
  type UnsettledSource,
} from './payment-reconciler.service.js';
