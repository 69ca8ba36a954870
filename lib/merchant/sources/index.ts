export { mergeChanges } from './changes.js';
export { credentialFrom, type CredentialFields, type CredentialInput } from './compose.js';
export { fromFile, type FileFieldOptions } from './file.js';
export { fromKms, isCiphertextText, type KmsDecryptClient, type KmsFieldOptions } from './kms.js';
export { kmsSigner, type KmsSignClient } from './kms-signer.js';
export { fromEnv, fromValue } from './value.js';
export { MAX_SOURCE_BYTES } from './bounds.js';
export { readSmallFileSync, UnreadableFile } from './file-read.js';
