export { PaymentReconciler } from './payment-reconciler.service.js';
export type {
  ReconcileOptions,
  ReconcileReport,
  Unsettled,
  UnsettledSource,
} from './reconcile-options.js';
export type { BillDifference, BillTotals, ShopTrade } from './bill-comparison.js';
export type { TradeBillDay } from './china-day.js';
export type { TradeBillOptions, TradeBillQuery, TradeBillSource } from './trade-bill-options.js';
export { TradeBillReconciler } from './trade-bill-reconciler.service.js';
