// Generated from tools/spec/certificates.json by tools/generate.mjs; do not edit.

import type { Operation } from '../operation.js';

/**
 * `algorithm_type` of `certificates.downloadCertificates`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PlatformCertificatesAlgorithmType = 'SM2' | 'RSA' | 'ALL' | (string & {});

/**
 * `encrypt_certificate` of `PlatformCertificatesItem`.
 *
 * @publicApi
 */
export interface PlatformCertificatesEncryptCertificate {
  readonly algorithm: string;
  readonly nonce: string;
  readonly associated_data: string;
  readonly ciphertext: string;
}

/**
 * `data` of `PlatformCertificatesResponse`.
 *
 * @publicApi
 */
export interface PlatformCertificatesItem {
  readonly serial_no: string;
  /** RFC 3339 date and time. */
  readonly effective_time: string;
  /** RFC 3339 date and time. */
  readonly expire_time: string;
  readonly encrypt_certificate: PlatformCertificatesEncryptCertificate;
}

/**
 * Answer of `certificates.downloadCertificates`.
 *
 * @publicApi
 */
export interface PlatformCertificatesResponse {
  readonly data?: readonly PlatformCertificatesItem[];
}

/**
 * Operations of `certificates`.
 *
 * @internal
 */
export const platformCertificatesOperations = {
  /**
   * Platform certificates: download certificates.
   *
   * `GET /v3/certificates`
   */
  downloadCertificates: {
    id: 'certificates.downloadCertificates',
    method: 'GET',
    path: '/v3/certificates',
    pathParams: [],
    queryParams: ['algorithm_type'],
    hasBody: false,
    encrypted: [],
    decrypted: [],
    idempotency: undefined,
  } as Operation<
    Record<string, never>,
    { algorithm_type?: PlatformCertificatesAlgorithmType },
    undefined,
    PlatformCertificatesResponse
  >,
} as const;
