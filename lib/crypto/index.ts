export { AEAD_ALGORITHM, openAead, type AeadBox } from './aead.js';
export { platformMessage, requestMessage } from './message.js';
export { decryptOaep, encryptOaep } from './oaep.js';
export { parseCertificate, parsePrivateKey, parsePublicKey, type PemInput } from './pem.js';
export { createNonce, signSha256 } from './sign.js';
export { verifySha256 } from './verify.js';
export {
  certificateFacts,
  isCertificateSerial,
  isPublicKeyId,
  normaliseSerial,
  type CertificateFacts,
} from './x509.js';
