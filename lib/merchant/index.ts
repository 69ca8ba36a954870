export { checkCredential, type MerchantCredential } from './credential.js';
export type {
  CredentialField,
  CredentialMaterial,
  CredentialSource,
  Signer,
} from './credential-source.js';
export {
  MerchantCredentialProvider,
  type CredentialProviderParts,
} from './merchant-credential.provider.js';
export { signWith } from './sign-with.js';
export {
  credentialFrom,
  fromEnv,
  fromFile,
  fromKms,
  fromValue,
  isCiphertextText,
  kmsSigner,
  MAX_SOURCE_BYTES,
  mergeChanges,
  readSmallFileSync,
  UnreadableFile,
  type CredentialFields,
  type CredentialInput,
  type FileFieldOptions,
  type KmsDecryptClient,
  type KmsFieldOptions,
  type KmsSignClient,
} from './sources/index.js';
