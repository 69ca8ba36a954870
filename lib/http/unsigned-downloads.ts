/** Paths whose answers the platform does not sign; nothing else is ever taken unsigned. */
const EXACT: ReadonlySet<string> = new Set([
  '/v3/billdownload/file',
  '/v3/transferdownload/signfile',
  '/v3/transferdownload/elecvoucherfile',
  '/v3/new-tax-control-fapiao/download',
]);
const IMAGES = /^\/v3\/(?:global\/)?merchant-service\/images\/(?!upload$)[^/]+$/;

/**
 * Whether the platform answers this target with a file that carries no signature.
 *
 * @see Source: 微信支付 接口规则/签名验证; behaviour of the official SDKs
 */
export function isUnsignedDownload(target: string): boolean {
  const [path = ''] = target.split('?', 1);
  return EXACT.has(path) || IMAGES.test(path);
}
