import { verify } from 'node:crypto';
import { rsaKey } from './x509.js';

/** The parts of an `Authorization` header that change with every request. */
export interface RequestSignature {
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
}

/** What has been signed: a request as it came, or as it would have left. */
export interface SignedBytes {
  readonly method: string;
  readonly target: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

/** Reads an `Authorization` header; what it lacks is empty. */
export function readAuthorization(authorization = ''): RequestSignature {
  const read = (name: string): string =>
    new RegExp(`${name}="([^"]*)"`).exec(authorization)?.[1] ?? '';
  return {
    timestamp: read('timestamp'),
    nonce: read('nonce_str'),
    signature: read('signature'),
  };
}

/** Whether the signature is over these very bytes, by the test merchant's key. */
export function isSignedAsSent({ method, target, authorization, body }: SignedBytes): boolean {
  const { timestamp, nonce, signature } = readAuthorization(authorization);
  const head = Buffer.from(`${method}\n${target}\n${timestamp}\n${nonce}\n`, 'latin1');
  const message = Buffer.concat([head, body, Buffer.from('\n')]);
  return verify('sha256', message, rsaKey('merchant').publicKey, Buffer.from(signature, 'base64'));
}
