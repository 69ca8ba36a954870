export {
  createMerchantContext,
  type MerchantContext,
  type SharedParts,
} from './merchant-context.js';
export { DEFAULT_MERCHANT, MerchantRegistry } from './merchant-registry.js';
export { resolveOptions, type ResolveEnvironment } from './resolve-options.js';
export type { ResolvedOptions } from './resolved-options.js';
