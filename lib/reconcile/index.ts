export {
  PaymentReconciler,
  type ReconcileOptions,
  type ReconcileReport,
  type Unsettled,
  type UnsettledSource,
} from './payment-reconciler.service.js';
export type { BillDifference, BillTotals, ShopTrade } from './bill-comparison.js';
export type { TradeBillDay } from './china-day.js';
export type { TradeBillOptions, TradeBillQuery, TradeBillSource } from './trade-bill-options.js';
export { TradeBillReconciler } from './trade-bill-reconciler.service.js';
