import { WechatPayRequestError } from '../errors/index.js';

/** Primary host of the mainland. Source: 微信支付 接口规则/域名. */
export const DEFAULT_BASE_URL = 'https://api.mch.weixin.qq.com';
/** Backup host in another city. */
export const DEFAULT_BACKUP_URL = 'https://api2.mch.weixin.qq.com';

/** Hosts of the platform that its own answers may point to (bill downloads and the like). */
const PLATFORM_ORIGINS: readonly string[] = [
  DEFAULT_BASE_URL,
  DEFAULT_BACKUP_URL,
  'https://api.wechatpay.cn',
  'https://api2.wechatpay.cn',
];

/** Whether a host name means this machine: `localhost`, 127.0.0.0/8, ::1. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    hostname === '::1' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
  );
}

/**
 * Reads a base URL: `https`, or `http` to loopback; no path, query, user or fragment.
 *
 * @returns the origin
 * @throws {TypeError} with a remedy, when it is something else
 */
export function parseBaseUrl(value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new TypeError('is not a URL such as https://api.mch.weixin.qq.com');
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new TypeError('must be https: (http: is allowed to loopback only)');
  }
  if (url.pathname !== '/' || url.search || url.hash || url.username || url.password) {
    throw new TypeError('must be scheme and host only, such as https://api.mch.weixin.qq.com');
  }
  return url.origin;
}

/**
 * Splits an absolute URL that the platform handed out, after checking that credentials may be sent
 * there: only to the configured hosts and the platform's own.
 *
 * @throws {WechatPayRequestError} `HOST_NOT_ALLOWED`
 */
export function splitPlatformUrl(
  value: string,
  configured: readonly string[],
): { origin: string; target: string } {
  let url: URL | undefined;
  try {
    url = new URL(value);
  } catch {
    // falls through to the refusal
  }
  if (
    !url ||
    !/^https?:$/.test(url.protocol) || // the origin of a blob: URL is that of its inside
    url.username !== '' ||
    url.password !== '' ||
    !(configured.includes(url.origin) || PLATFORM_ORIGINS.includes(url.origin))
  ) {
    throw new WechatPayRequestError(
      'The URL is not on a host of the platform, so no credentials are sent there: use the download_url as the platform returned it',
      { code: 'HOST_NOT_ALLOWED' },
    );
  }
  return { origin: url.origin, target: url.pathname + url.search };
}
