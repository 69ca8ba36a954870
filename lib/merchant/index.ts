export {
  checkCredential,
  type CredentialMaterial,
  type CredentialSource,
  type MerchantCredential,
} from './credential.js';
export { MerchantCredentialProvider } from './merchant-credential.provider.js';
