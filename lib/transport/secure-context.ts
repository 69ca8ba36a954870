import type { KeyObject } from 'node:crypto';
import * as tls from 'node:tls';

/** Whom this side of a connection is, for hosts that ask. */
export interface ClientIdentity {
  readonly key: KeyObject;
  /** PEM; intermediate certificates may follow. */
  readonly cert: string;
}

/** What a connection trusts and how old it may speak. */
export interface TlsSettings {
  /** Extra trusted roots in PEM form; Node's own stay trusted. */
  readonly ca?: string | readonly string[] | undefined;
  /** @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/**
 * What all connections of one identity share. Made once: with extra roots it takes tens of
 * milliseconds and a megabyte, which Node would spend on every connection.
 *
 * The text of the private key exists in here only: Node takes no `KeyObject`, and the context that
 * comes out keeps a parsed key.
 *
 * @throws {Error} of OpenSSL, when key and certificate are no pair or it thinks them too weak
 */
export function createContext(
  { ca = [], minVersion = 'TLSv1.2' }: TlsSettings,
  identity?: ClientIdentity,
): tls.SecureContext {
  const roots = [ca].flat();
  return tls.createSecureContext({
    minVersion,
    // `ca` replaces Node's own roots, so they are named again
    ...(roots.length > 0 && { ca: [...ownRoots(), ...roots] }),
    ...(identity && {
      key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
      cert: identity.cert,
    }),
  });
}

/** Whether both present the same certificate with the same key. */
export function isSameIdentity(
  a: ClientIdentity | undefined,
  b: ClientIdentity | undefined,
): boolean {
  if (!a || !b) return a === b;
  return a.cert === b.cert && a.key.equals(b.key);
}

/** With those of `NODE_EXTRA_CA_CERTS` and of the system where Node can tell: 22.15 and later. */
function ownRoots(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => string[] };
  return getCACertificates?.('default') ?? tls.rootCertificates;
}
