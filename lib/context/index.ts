export { identityProblems, presentIdentity } from './client-identity.js';
export { RenewalPlan, type PlanTimer } from './renewal-plan.js';
export {
  createMerchantContext,
  type MerchantContext,
  type SharedParts,
} from './merchant-context.js';
export { DEFAULT_MERCHANT, MerchantRegistry } from './merchant-registry.js';
export { MCHID, tooLate } from './merchant-lookups.js';
export {
  WechatPayMerchants,
  type MerchantLifecycle,
  type WechatPayMerchantsOptions,
} from './merchants.js';
export { resolveOptions, type ResolveEnvironment } from './resolve-options.js';
export { LATE, within } from './patience.js';
export type { ResolvedOptions } from './resolved-options.js';
export { SharedTransports } from './shared-transports.js';
