import { createPrivateKey, randomUUID } from 'node:crypto';
import { chinaTime, type EmulatorClock } from '../clock/clock.js';
import type { MerchantRecord, MerchantRegistry } from '../keys/merchants.js';
import type { PlatformKeys, PlatformSigner } from '../keys/platform-keys.js';
import { answerMessage, seal, signBytes } from '../keys/seal.js';
import { randomText } from '../keys/identifiers.js';

/**
 * Everything about a notification that a test may want otherwise.
 *
 * @publicApi
 */
export interface EmulatorNotificationOverrides {
  /** Whose notification: the mchid. @default the emulator's first merchant */
  readonly mchid?: string;
  /** Notification id. @default a fresh UUID */
  readonly id?: string;
  /** RFC 3339. @default now */
  readonly createTime?: string;
  readonly summary?: string;
  readonly resourceType?: string;
  readonly originalType?: string;
  /** `''` seals with none but sends the field; `null` leaves the field out as well. */
  readonly associatedData?: string | null;
  readonly algorithm?: string;
  /** Seals with another key. */
  readonly apiV3Key?: string;
  /** The sealed text, in place of the payload's JSON. */
  readonly plaintext?: string;
  /** Keeps only so many bytes of the 16-byte tag. */
  readonly tagBytes?: number;
  /** Changes ciphertext and tag before they are encoded. */
  readonly mutateCiphertext?: (bytes: Buffer) => Buffer;
  /** The whole body, in place of the envelope; it is signed as given. */
  readonly body?: string | Buffer;
  /** Changes the body after it has been signed. */
  readonly mutateBody?: (body: Buffer) => Buffer;
  /** The text of `Wechatpay-Timestamp`, seconds; it is signed as given. @default now */
  readonly timestamp?: number | string;
  readonly nonce?: string;
  /** Signs with the named key of the emulator, a platform serial or `PUB_KEY_ID_…`. */
  readonly signer?: 'certificate' | 'public-key' | (string & {});
  /** Signs with a key of the test's own, PEM. */
  readonly signingKey?: string;
  /** The text of `Wechatpay-Serial`, whoever signed. */
  readonly serial?: string;
  /** The text of `Wechatpay-Signature`, in place of the signature. */
  readonly signature?: string;
  /** The text of `Wechatpay-Signature-Type`; `null` leaves it out. */
  readonly signatureType?: string | null;
  /** Further or other headers; `undefined` takes one away. Names in any case. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** A notification ready to be posted. @publicApi */
export interface EmulatorSignedNotification {
  readonly id: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Encrypts and signs notifications. @internal */
export class NotificationFactory {
  constructor(
    private readonly merchants: MerchantRegistry,
    private readonly keys: PlatformKeys,
    private readonly clock: EmulatorClock,
    private readonly defaultMchid: string,
  ) {}

  /** @throws {TypeError} for a merchant or a signer that the emulator does not have */
  create(
    eventType: string,
    payload: unknown,
    overrides: EmulatorNotificationOverrides = {},
  ): EmulatorSignedNotification {
    const { id, body } = this.compose(eventType, payload, overrides);
    const headers = this.headers(body, overrides);
    return { id, headers, body: overrides.mutateBody?.(body) ?? body };
  }

  /** The encrypted body alone. @throws {TypeError} for a merchant that the emulator does not have */
  compose(
    eventType: string,
    payload: unknown,
    overrides: EmulatorNotificationOverrides = {},
  ): { readonly id: string; readonly body: Buffer } {
    const merchant = this.merchants.get(overrides.mchid ?? this.defaultMchid);
    const id = overrides.id ?? randomUUID();
    if (overrides.body !== undefined) return { id, body: Buffer.from(overrides.body) };
    const envelope = this.envelope(id, eventType, payload, merchant, overrides);
    return { id, body: Buffer.from(JSON.stringify(envelope)) };
  }

  private envelope(
    id: string,
    eventType: string,
    payload: unknown,
    merchant: MerchantRecord,
    overrides: EmulatorNotificationOverrides,
  ): object {
    const kind = overrides.originalType ?? originalType(eventType);
    const { associatedData = kind } = overrides;
    const plaintext = overrides.plaintext ?? JSON.stringify(payload);
    const sealed = seal(overrides.apiV3Key ?? merchant.apiV3Key, plaintext, associatedData ?? '');
    const { associated_data: _, ...withoutData } = sealed;
    return {
      id,
      create_time: overrides.createTime ?? chinaTime(this.clock.now()),
      resource_type: overrides.resourceType ?? 'encrypt-resource',
      event_type: eventType,
      summary: overrides.summary ?? eventType,
      resource: {
        original_type: kind,
        ...(associatedData === null ? withoutData : sealed),
        ciphertext: spoilCiphertext(sealed.ciphertext, overrides),
        ...(overrides.algorithm !== undefined && { algorithm: overrides.algorithm }),
      },
    };
  }

  private headers(body: Buffer, overrides: EmulatorNotificationOverrides): Record<string, string> {
    const signer = this.signer(overrides);
    const timestamp = String(overrides.timestamp ?? this.clock.seconds());
    const nonce = overrides.nonce ?? randomText(32);
    const { signatureType = 'WECHATPAY2-SHA256-RSA2048' } = overrides;
    const headers = new Map<string, string | undefined>([
      ['content-type', 'application/json'],
      ['accept', '*/*'],
      ['user-agent', 'Mozilla/4.0'],
      ['request-id', `${randomText(28)}-0`],
      ['wechatpay-nonce', nonce],
      ['wechatpay-serial', overrides.serial ?? signer.id],
      [
        'wechatpay-signature',
        overrides.signature ?? signBytes(signer.privateKey, answerMessage(timestamp, nonce, body)),
      ],
      ['wechatpay-signature-type', signatureType ?? undefined],
      ['wechatpay-timestamp', timestamp],
    ]);
    for (const [name, value] of Object.entries(overrides.headers ?? {})) {
      headers.set(name.toLowerCase(), value);
    }
    const present: Record<string, string> = {};
    for (const [name, value] of headers) if (value !== undefined) present[name] = value;
    return present;
  }

  private signer({ signer, signingKey }: EmulatorNotificationOverrides): PlatformSigner {
    const own = this.namedSigner(signer);
    return signingKey === undefined
      ? own
      : { id: own.id, privateKey: createPrivateKey(signingKey) };
  }

  private namedSigner(name: string | undefined): PlatformSigner {
    if (name === undefined) return this.keys.signerForNotification();
    if (name === 'certificate') return this.keys.certificateSigner();
    if (name === 'public-key') return this.keys.publicKeySigner();
    const found = this.keys.find(name);
    if (found === undefined) throw new TypeError(`the emulator has no signer ${name}`);
    return found;
  }
}

function spoilCiphertext(
  ciphertext: string,
  { tagBytes, mutateCiphertext }: EmulatorNotificationOverrides,
): string {
  let bytes: Buffer = Buffer.from(ciphertext, 'base64');
  if (tagBytes !== undefined) bytes = bytes.subarray(0, bytes.length - 16 + tagBytes);
  return (mutateCiphertext?.(bytes) ?? bytes).toString('base64');
}

/** @see WeChat Pay APIv3 docs: the notification pages of the products, resource.original_type */
const originalTypes: readonly (readonly [RegExp, string])[] = [
  [/^REFUND\./, 'refund'],
  [/^PROFITSHARING\./, 'profitsharing'],
  [/^PAYSCORE\./, 'payscore'],
  [/^MCHTRANSFER\./, 'mch_payment'],
  [/^COUPON\./, 'coupon'],
  [/^SECURITY_ECHO\./, 'security'],
];

function originalType(eventType: string): string {
  return originalTypes.find(([pattern]) => pattern.test(eventType))?.[1] ?? 'transaction';
}
