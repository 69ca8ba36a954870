import type { KeyObject } from 'node:crypto';
import type { Observable } from 'rxjs';
import type { PemInput } from '../crypto/index.js';

/**
 * Signs in place of a private key that must not enter the process: a key management service (KMS), a
 * hardware module, a signing service of your own.
 *
 * @publicApi
 */
export interface Signer {
  /**
   * Makes an RSASSA-PKCS1-v1_5 signature with SHA-256.
   *
   * @param message the bytes to sign, not their hash
   * @param signal aborts when the call that needs the signature ends
   * @returns the raw signature, 256 bytes for RSA-2048
   */
  sign(message: Buffer, signal: AbortSignal): Promise<Uint8Array>;
}

/**
 * A whole credential as a source delivers it: key, certificate and APIv3 keys belong together and
 * are checked together.
 *
 * @publicApi
 */
export interface CredentialMaterial {
  /**
   * 商户API私钥, `apiclient_key.pem`: its content (any PEM form or bare Base64), or a parsed key.
   * Give this or `signer`.
   */
  readonly privateKey?: PemInput | KeyObject | undefined;
  /** Signs in place of the private key. Fields encrypted for the merchant cannot be read then. */
  readonly signer?: Signer | undefined;
  /** 商户API证书, `apiclient_cert.pem`: its content. Give this or `serialNo`, or both. */
  readonly certificate?: PemInput | undefined;
  /** 商户API证书序列号: hexadecimal. Taken from the certificate when that is given. */
  readonly serialNo?: string | undefined;
  /** APIv3密钥, 32 characters; the current one first, then those still valid for decryption. */
  readonly apiV3Keys: readonly string[];
}

/**
 * Where a whole credential comes from. Loaded on first use, or at start with `preload`.
 *
 * @publicApi
 */
export interface CredentialSource {
  load(signal: AbortSignal): Promise<CredentialMaterial>;
  /**
   * Emits when {@link load} may deliver something else. Cold: what watches starts with the
   * subscription and ends with it. One that errors or completes is subscribed to again later.
   */
  readonly changes?: Observable<unknown> | undefined;
}

/**
 * Where one field of a credential comes from; see `credentialFrom`.
 *
 * @publicApi
 */
export interface CredentialField<T = string | Buffer> {
  /**
   * Delivers the content. Never logs it, never puts it in an error. A Buffer belongs to the caller,
   * who overwrites it after use: deliver another one at each load.
   */
  load(signal: AbortSignal): Promise<T>;
  /** As {@link CredentialSource.changes}. */
  readonly changes?: Observable<unknown> | undefined;
}
