import { createHash } from 'node:crypto';
import type { JsonObject } from '../validation/shape-validator.js';

/**
 * A digest of a checked request. Checking puts the fields into the order of their shape, so the
 * order in which they were sent does not matter.
 *
 * @internal
 */
export function fingerprint(request: JsonObject): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex');
}
