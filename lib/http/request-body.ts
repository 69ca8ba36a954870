import type { CertificateProvider, PlatformKey } from '../certificates/index.js';
import { encryptOaep } from '../crypto/index.js';
import { checkMessageOf, WechatPayRequestError } from '../errors/index.js';
import type { Limit } from '../transport/index.js';
import { mapFields } from './fields.js';
import type { WechatPayRequest } from './http.interface.js';
import { toJson } from './json.js';

/** A body as it will be sent, and the platform key that it is bound to. */
export interface RequestBody {
  /** Empty for none. */
  readonly json: string;
  /** Names the key that encrypted its fields, or the one that the answer should be signed with. */
  readonly serial: string | undefined;
}

/**
 * Chooses the platform key of a call, encrypts with it, and serialises once: every attempt sends the
 * same bytes.
 *
 * @throws {WechatPayRequestError} when the body cannot be sent
 * @throws {WechatPayCertificateError} when there is no key to encrypt with
 */
export function prepareBody(
  request: WechatPayRequest,
  certificates: CertificateProvider,
  limit: Limit,
): RequestBody | Promise<RequestBody> {
  const json = toJson(request.body);
  const key = certificates.requestKey();
  const encrypted = request.encrypted?.filter((path) => mayHold(json, path)) ?? [];
  if (encrypted.length === 0) return { json, serial: key?.id };
  // What JSON made of the body is what would be sent: `toJSON` may have changed it.
  const seal = (chosen: PlatformKey): RequestBody => ({
    json: toJson(encryptFields(JSON.parse(json), encrypted, chosen)),
    serial: chosen.id,
  });
  return key ? seal(key) : limit.race(certificates.encryptionKey()).then(seal);
}

/** Whether JSON text can hold a field: a cheap no for the many bodies that have none. */
function mayHold(json: string, path: string): boolean {
  return json.includes(`"${path.slice(path.lastIndexOf('.') + 1)}"`);
}

function encryptFields(body: unknown, paths: readonly string[], key: PlatformKey): unknown {
  return mapFields(body, paths, (text, path) => {
    try {
      return encryptOaep(text, key.key);
    } catch (error) {
      throw new WechatPayRequestError(`The field ${path} ${checkMessageOf(error)}`);
    }
  });
}
