import { chinaTime, type EmulatorClock } from '../clock/clock.js';
import type { MerchantRecord } from '../keys/merchants.js';
import type { PlatformKeys } from '../keys/platform-keys.js';
import { seal } from '../keys/seal.js';
import type { PlatformOperation } from '../platform/operation.js';
import { paramError, PlatformError } from '../platform/platform-error.js';

/**
 * `GET /v3/certificates`.
 *
 * @see WeChat Pay APIv3 docs: 下载平台证书
 * @internal
 */
export function certificateOperations(
  keys: PlatformKeys,
  clock: EmulatorClock,
): readonly PlatformOperation[] {
  return [
    {
      method: 'GET',
      path: '/v3/certificates',
      optionalQuery: ['algorithm_type'],
      headersFirst: true,
      handle: ({ merchant, query }) => {
        const { algorithm_type: algorithm = 'RSA' } = query;
        if (algorithm !== 'RSA' && algorithm !== 'ALL') {
          throw paramError('algorithm_type', '仅支持RSA或ALL', 'query');
        }
        return { data: listCertificates(keys, clock, merchant) };
      },
    },
  ];
}

/** What `GET /v3/certificates` lists. @throws {PlatformError} when nothing is left @internal */
export function listCertificates(
  keys: PlatformKeys,
  clock: EmulatorClock,
  merchant: MerchantRecord,
): readonly object[] {
  const usable = keys.certificates.filter(({ notAfterMs }) => notAfterMs > clock.now());
  if (usable.length === 0) {
    throw new PlatformError(
      404,
      'RESOURCE_NOT_EXISTS',
      '无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。可查看指引https://pay.weixin.qq.com/doc/v3/merchant/4012153196',
    );
  }
  return usable.map(({ serial, notBeforeMs, notAfterMs, certificatePem }) => ({
    serial_no: serial,
    effective_time: chinaTime(notBeforeMs),
    expire_time: chinaTime(notAfterMs),
    encrypt_certificate: seal(merchant.apiV3Key, certificatePem, 'certificate'),
  }));
}
