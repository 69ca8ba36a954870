import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PlatformFile, type PlatformOperation } from '../platform/operation.js';
import { paramError } from '../platform/platform-error.js';
import type { BillType } from './bill-columns.data.js';
import type { BillService } from './bill.service.js';

const types: readonly BillType[] = ['ALL', 'SUCCESS', 'REFUND'];
const filePath = '/v3/billdownload/file';

/**
 * Trade bills: where a bill is, and the file, which the platform does not sign.
 *
 * @param url of the emulator
 * @see WeChat Pay APIv3 docs: 申请交易账单, 下载账单
 * @internal
 */
export function billOperations(
  bills: BillService,
  url: () => string,
): readonly PlatformOperation[] {
  return [
    {
      method: 'GET',
      path: '/v3/bill/tradebill',
      query: ['bill_date'],
      optionalQuery: ['bill_type', 'tar_type', 'sub_mchid'],
      handle: ({ merchant: { mchid }, query }) => {
        const { bill_date: date = '', bill_type: given = 'ALL', tar_type: tar } = query;
        const type = types.find((known) => known === given);
        if (type === undefined)
          throw paramError('bill_type', '仅支持ALL、SUCCESS、REFUND', 'query');
        if (tar !== undefined && tar !== 'GZIP')
          throw paramError('tar_type', '仅支持GZIP', 'query');
        const text = Buffer.from(bills.create({ mchid, subMchid: query['sub_mchid'], date, type }));
        const token = bills.keep(mchid, tar === undefined ? text : gzipSync(text));
        return {
          hash_type: 'SHA1',
          hash_value: createHash('sha1').update(text).digest('hex'),
          download_url: `${url()}${filePath}?token=${token}`,
        };
      },
    },
    {
      method: 'GET',
      path: filePath,
      query: ['token'],
      isUnsigned: true,
      handle: ({ merchant, query: { token = '' } }) =>
        new PlatformFile(bills.take(merchant.mchid, token)),
    },
  ];
}
