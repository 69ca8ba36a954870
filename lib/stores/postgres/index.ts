export { inboxMigration } from './inbox-migration.js';
export { removeOldClaims, type RemoveOldClaimsOptions } from './remove-old-claims.js';
