import type { KeyObject } from 'node:crypto';
import type { CertificateStore, RenewalOptions } from './certificates/index.js';
import type { WechatPayFallback } from './http/index.js';
import type { CredentialSource } from './merchant/index.js';
import type { NotificationInbox, NotificationQueue } from './notification/index.js';
import type { HttpDispatcher } from './transport/index.js';

/**
 * A credential given by value. Keys are contents, not file names: PEM in any form (PKCS#8, PKCS#1,
 * literal `\n`, CRLF, no line breaks) or bare Base64.
 *
 * @publicApi
 */
export interface WechatPayCredentialOptions {
  /** 商户API私钥, `apiclient_key.pem`. RSA of at least 2048 bits. */
  readonly privateKey: string | Buffer | KeyObject;
  /** 商户API证书, `apiclient_cert.pem`. Give this or `serialNo`; with it, key and expiry are checked. */
  readonly certificate?: string | Buffer | undefined;
  /** 商户API证书序列号, hexadecimal. Not needed beside `certificate`. */
  readonly serialNo?: string | undefined;
  /** APIv3密钥, exactly 32 characters. A list holds the current one first, then previous ones. */
  readonly apiV3Key: string | readonly string[];
}

/**
 * A WeChat Pay public key (微信支付公钥) from the merchant platform.
 *
 * @publicApi
 */
export interface WechatPayPublicKeyOptions {
  /** 微信支付公钥ID, `PUB_KEY_ID_…`. */
  readonly id: string;
  /** `pub_key.pem`: its content. */
  readonly key: string | Buffer | KeyObject;
}

/**
 * How the platform proves who it is.
 *
 * @publicApi
 */
export interface WechatPayPlatformOptions {
  /**
   * Download platform certificates (平台证书) and accept what they sign. Beside a public key this is
   * right during a migration and harmless after it: a merchant without certificates is a normal
   * state. @default true
   */
  readonly certificates?: boolean | undefined;
  /** Accept what these public keys sign; the first one is named in requests. */
  readonly publicKey?: WechatPayPublicKeyOptions | readonly WechatPayPublicKeyOptions[] | undefined;
  /** Percentage of requests that ask to be answered with the public key, 0 to 100. @default 100 */
  readonly publicKeyShare?: number | undefined;
}

/**
 * Whom connections trust, and who they say that we are.
 *
 * @publicApi
 */
export interface WechatPayTlsOptions {
  /**
   * Extra trusted roots in PEM form, one or several a text, 1 MiB in all: for a proxy that re-signs,
   * or for a server of your own. Node's own stay trusted. (Those of `NODE_EXTRA_CA_CERTS` and of the
   * system stay trusted beside them from Node 22.15 on; with Node 20, name them here too.) A damaged,
   * expired or not yet valid one ends the start. @default none
   */
  readonly ca?: string | readonly string[] | undefined;
  /** The lowest version of TLS to speak. @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /**
   * Shows the merchant's own certificate (商户API证书) to hosts that ask for one (mutual TLS): the one
   * of the credential in force. Needs `credential.certificate` and `credential.privateKey`; a
   * credential without them is a configuration problem, or refused with `CREDENTIAL_UNAVAILABLE`
   * when a source delivers it. Such a merchant shares its connections with no other. After a
   * rotation new calls show the new certificate, and running ones finish. @default false
   */
  readonly clientCertificate?: boolean | undefined;
}

/**
 * How calls are sent.
 *
 * @publicApi
 */
export interface WechatPayHttpOptions {
  /** Total time of a call in milliseconds, repetitions and all, 1 to 600,000. @default 10000 */
  readonly timeoutMs?: number | undefined;
  /**
   * Calls of this merchant at the same time, 1 to 10,000; each has a connection of its own. After a 429
   * of the platform it is fewer for a while. @default 128
   */
  readonly maxConcurrency?: number | undefined;
  /**
   * Calls that wait for their turn when that many run, 0 to 100,000, for a second at most; more are
   * refused at once with `OVERLOADED`. @default 256
   */
  readonly maxQueue?: number | undefined;
  /**
   * Repetitions inside a call, 0 to 5: of reads, and of writes that a business number makes the same
   * (`out_trade_no`). Refunds are never repeated. At most a fifth of the traffic of a process is
   * repetition. @default 2
   */
  readonly retries?: number | undefined;
  /**
   * How long an attempt may take, in milliseconds, 50 to 600,000, before another one is made in its
   * place. What may not be repeated, and the last attempt, has the rest of `timeoutMs`. @default 1500
   */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Reads that are not answered within this time, in milliseconds, 1 to 600,000, are asked once more
   * beside that; the first answer counts. Choose your 95th percentile. @default never
   */
  readonly hedgeAfterMs?: number | undefined;
  /**
   * Hedge writes that a business number makes the same, too. The platform documents that they may be
   * repeated, not that they may be under way twice in one moment: try it with your products first.
   * @default false
   */
  readonly hedgeWrites?: boolean | undefined;
  /**
   * What the application has in place of an answer when the platform cannot be asked: called with the
   * error and the call. `undefined` lets the call fail. Never called for a write whose result is unknown.
   */
  readonly fallback?: WechatPayFallback | undefined;
  /**
   * How long calls that run may go on when the application closes, and how long those of a merchant that
   * is removed have their keys, in milliseconds, 0 to 600,000.
   * @default 5000
   */
  readonly closeGraceMs?: number | undefined;
  /**
   * An undici 7 dispatcher of your own, such as `ProxyAgent` or `MockAgent`. You close it. It makes
   * its own connections, so it excludes `tls`.
   */
  readonly dispatcher?: HttpDispatcher | undefined;
  /** Extra roots, the lowest version of TLS, and the merchant's certificate for hosts that ask. */
  readonly tls?: WechatPayTlsOptions | undefined;
}

/**
 * What one merchant is configured with.
 *
 * @publicApi
 */
export interface WechatPayOptions {
  /** 商户号. For a service provider (服务商) its own, the `sp_mchid`. */
  readonly mchid: string;
  /** Default appid of orders, or several by name: `{ mp: 'wx…', app: 'wx…' }`. */
  readonly appid?: string | Readonly<Record<string, string>> | undefined;
  /** Who the merchant is: values, checked at start, or a source, loaded on first use. */
  readonly credential: WechatPayCredentialOptions | CredentialSource;
  readonly platform?: WechatPayPlatformOptions | undefined;
  /** Default `notify_url` (回调地址): absolute, without query, at most 256 characters. */
  readonly notifyUrl?: string | undefined;
  /** @default 'https://api.mch.weixin.qq.com' */
  readonly baseUrl?: string | undefined;
  /**
   * Host to use when the primary one cannot be connected to; `false` for none.
   * @default 'https://api2.mch.weixin.qq.com', or none beside a `baseUrl` of your own
   */
  readonly backupUrl?: string | false | undefined;
  readonly http?: WechatPayHttpOptions | undefined;
  /** Keeps the certificate list beyond this process. @default none */
  readonly store?: CertificateStore | undefined;
  readonly renewal?: RenewalOptions | undefined;
  /**
   * Remembers which events were handled, so that the platform's duplicates run nothing again.
   * @default a memory of this process, shared by all merchants
   */
  readonly inbox?: NotificationInbox | undefined;
  /**
   * Answers the platform when this queue has the notification, and runs the handlers from there, with
   * retries. Share one queue among merchants; it ends with the application.
   * @default none: handlers run while the platform waits
   */
  readonly queue?: NotificationQueue | undefined;
  /**
   * Load the credential and the platform's keys when the application starts, not on first use. A
   * credential that cannot be loaded then fails the start; an unreachable platform does not.
   * @default false
   */
  readonly preload?: boolean | undefined;
}
