export { requestIdOf, type AnswerHeaders, type RawAnswer } from './answer.js';
export { Deadline } from './deadline.js';
export {
  DEFAULT_BACKUP_URL,
  DEFAULT_BASE_URL,
  isLoopback,
  parseBaseUrl,
  splitPlatformUrl,
} from './hosts.js';
export { Limit } from './limit.js';
export * from './resilience/index.js';
export { createContext, type ClientIdentity } from './secure-context.js';
export {
  Transport,
  type HttpDispatcher,
  type RawStream,
  type TransportOptions,
  type WireRequest,
} from './transport.js';
