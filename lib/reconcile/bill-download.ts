import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { WechatPayApiError, WechatPayBillError } from '../errors/index.js';
import type { WechatPayHttpService } from '../http/index.js';
import { openPrivateFile } from './bill-file.js';
import { parseTradeBill, type TradeBillRow } from './trade-bill.js';

/** Which bill. */
export interface BillRequest {
  /** `yyyy-MM-dd`, a day in China. */
  readonly date: string;
  /** Only that of one sub-merchant. @default all of the merchant's */
  readonly subMchid?: string | undefined;
}

/** Bounds of a download. */
export interface BillDownloadOptions {
  /** Its reason is what is thrown. */
  readonly signal: AbortSignal;
  /** Longest bill, in bytes, before and after it is uncompressed. @default 2 GiB */
  readonly maxBytes?: number | undefined;
}

interface BillPlace {
  readonly url: string;
  /** Lower-case hex. */
  readonly sha1: string;
}

const PATH = '/v3/bill/tradebill';
const MAX_BYTES = 2 * 1024 ** 3;
const PIECE_BYTES = 64 * 1024;

/**
 * The rows of a trade bill. It is downloaded into a private file, which is removed whatever happens, and
 * read only when its hash holds. A day without a payment and without a refund has no rows.
 *
 * @throws {WechatPayBillError} `BILL_NOT_READY` before it is made; `BILL_INVALID`, `BILL_TOO_LARGE`,
 * `BILL_NOT_SAVED`
 * @throws as {@link WechatPayHttpService.get} and {@link WechatPayHttpService.stream}
 * @see Source: 微信支付 申请交易账单, 下载账单, read 2026-10
 */
export async function* tradeBillRows(
  http: WechatPayHttpService,
  request: BillRequest,
  { signal, maxBytes = MAX_BYTES }: BillDownloadOptions,
): AsyncGenerator<TradeBillRow, void> {
  try {
    const place = await askForBill(http, request, signal);
    if (!place) return;
    const file = await openPrivateFile();
    try {
      await download(http, place, file.handle, { signal, maxBytes });
      const pieces = file.handle.createReadStream({ start: 0, autoClose: false });
      for await (const row of parseTradeBill(pieces)) {
        signal.throwIfAborted();
        yield row;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : inOurTerms(error);
  }
}

/** @returns `undefined` when there is nothing to tell of that day */
async function askForBill(
  http: WechatPayHttpService,
  { date, subMchid }: BillRequest,
  signal: AbortSignal,
): Promise<BillPlace | undefined> {
  const query = { bill_date: date, bill_type: 'ALL', tar_type: 'GZIP', sub_mchid: subMchid };
  try {
    const { data, requestId } = await http.get(PATH, { query, signal });
    return readPlace(data, requestId);
  } catch (error) {
    if (!(error instanceof WechatPayApiError) || error.status !== 400) throw error;
    if (error.platformCode === 'NO_STATEMENT_EXIST') return undefined;
    if (error.platformCode !== 'STATEMENT_CREATING') throw error;
    throw new WechatPayBillError(
      'BILL_NOT_READY',
      `The platform has not made the trade bill of ${date} yet: fetch it after 10:00 Beijing time (UTC+8) of the day after`,
      { cause: error, requestId: error.requestId },
    );
  }
}

function readPlace(data: unknown, requestId: string | undefined): BillPlace {
  const { hash_type, hash_value, download_url } = (data ?? {}) as Record<string, unknown>;
  const isHash = typeof hash_value === 'string' && /^[0-9a-f]{40}$/i.test(hash_value);
  if (hash_type === 'SHA1' && isHash && typeof download_url === 'string') {
    return { url: download_url, sha1: hash_value.toLowerCase() };
  }
  throw new WechatPayBillError(
    'BILL_INVALID',
    'The platform names no SHA1 hash and download_url for the trade bill: tell its support, and look for a newer version of this package',
    { requestId },
  );
}

/** Takes the file in; nothing of it may be used when this fails. */
async function download(
  http: WechatPayHttpService,
  { url, sha1 }: BillPlace,
  file: FileHandle,
  { signal, maxBytes }: Required<BillDownloadOptions> & { maxBytes: number },
): Promise<void> {
  const { body, requestId } = await http.stream(url, { signal });
  const hash = createHash('sha1');
  const keep = async (pieces: AsyncIterable<Buffer>): Promise<void> => {
    for await (const piece of pieces) {
      hash.update(piece);
      await file.writeFile(piece);
    }
  };
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  await pipeline(body, bounded(maxBytes), gunzip, bounded(maxBytes), keep, { signal });
  if (hash.digest('hex') === sha1) return;
  throw new WechatPayBillError(
    'BILL_INVALID',
    'The trade bill that was downloaded is not the one that the platform announced (SHA1): download it again, and look at proxies if it stays so',
    { requestId, isRetryable: true },
  );
}

function bounded(maxBytes: number) {
  return async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > maxBytes) {
        throw new WechatPayBillError(
          'BILL_TOO_LARGE',
          `The trade bill is longer than ${maxBytes} bytes: as a service provider, compare with a subMchid`,
        );
      }
      yield piece;
    }
  };
}

/** What zlib and the disk say. */
function inOurTerms(error: unknown): unknown {
  const { code, syscall } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (typeof code !== 'string') return error;
  if (code.startsWith('Z_')) {
    return new WechatPayBillError(
      'BILL_INVALID',
      `The trade bill cannot be uncompressed (${code}): download it again, and look at proxies if it stays so`,
      { cause: error, isRetryable: true },
    );
  }
  if (typeof syscall !== 'string') return error;
  return new WechatPayBillError(
    'BILL_NOT_SAVED',
    `The trade bill cannot be kept on the disk while it is compared (${code}): make room in the folder for temporary files, or name another one (TMPDIR)`,
    { cause: error },
  );
}
