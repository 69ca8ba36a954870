export { Admission, createProcessBulkhead } from './admission.js';
export type { Attempt } from './attempt.js';
export type { BreakerState } from './breaker.js';
export type { Bulkhead, BulkheadLimits } from './bulkhead.js';
export { runCall, type AttemptWork, type CallPlan, type ResilienceParts } from './call-policy.js';
export { Hosts, type HostListener } from './hosts.js';
export { RetryBudget } from './retry-budget.js';
export { parseRetryAfter } from './retry-rules.js';
