import { chinaTime, type EmulatorClock } from '../clock/clock.js';
import { randomText } from '../keys/identifiers.js';
import type { OrderService } from '../orders/order.service.js';
import { paramError, PlatformError } from '../platform/platform-error.js';
import type { RefundService } from '../refunds/refund.service.js';
import type { BillType } from './bill-columns.data.js';
import { paymentEntry, refundEntry, type BillEntry } from './bill-row.js';
import { billText } from './bill-text.js';

const hourMs = 3600 * 1000;
/** Bills of a day are made the next morning. @see WeChat Pay APIv3 docs: 申请交易账单 */
const madeAfterMs = (24 + 9) * hourMs;
const readyAfterMs = (24 + 10) * hourMs;
const monthsBack = 3;
/** @see WeChat Pay APIv3 docs: 下载账单, download_url */
const urlLifeMs = 5 * 60 * 1000;
/** How many files wait for their download. */
const mostFiles = 20;

/** Which bill. @internal */
export interface BillQuery {
  readonly mchid: string;
  readonly subMchid?: string | undefined;
  /** `yyyy-MM-dd`. */
  readonly date: string;
  readonly type: BillType;
}

/**
 * What to change in bills before a merchant gets them.
 *
 * @publicApi
 */
export interface EmulatorBillChanges {
  /** The text, before its hash is taken: a bill that is genuine and says something else. */
  readonly text?: (text: string) => string;
  /** The file, after its hash was taken: a download that went wrong. */
  readonly file?: (file: Buffer) => Buffer;
}

interface StoredFile {
  readonly mchid: string;
  readonly file: Buffer;
  readonly expiresAtMs: number;
}

/** Trade bills, and their files while they can be downloaded. @internal */
export class BillService {
  changes: EmulatorBillChanges = {};
  private readonly files = new Map<string, StoredFile>();

  constructor(
    private readonly orders: OrderService,
    private readonly refunds: RefundService,
    private readonly clock: EmulatorClock,
  ) {}

  /**
   * The text of a bill.
   *
   * @throws {PlatformError} `PARAM_ERROR`, `STATEMENT_CREATING`, `NO_STATEMENT_EXIST`
   */
  create(query: BillQuery): string {
    const fromMs = this.checkDate(query.date);
    const entries = this.entries(query, fromMs);
    if (entries.length === 0) {
      throw new PlatformError(400, 'NO_STATEMENT_EXIST', '账单文件不存在');
    }
    const text = billText(query.type, entries);
    return this.changes.text?.(text) ?? text;
  }

  /** Keeps a file for five minutes. Returns the token by which its merchant gets it. */
  keep(mchid: string, file: Buffer): string {
    const now = this.clock.now();
    for (const [token, { expiresAtMs }] of this.files) {
      if (expiresAtMs <= now || this.files.size >= mostFiles) this.files.delete(token);
    }
    const token = randomText(64);
    const changed = this.changes.file?.(file) ?? file;
    this.files.set(token, { mchid, file: changed, expiresAtMs: now + urlLifeMs });
    return token;
  }

  /** @throws {PlatformError} `INVALID_REQUEST` for a token that is unknown or too old, `NO_AUTH` */
  take(mchid: string, token: string): Buffer {
    const stored = this.files.get(token);
    if (stored === undefined || stored.expiresAtMs <= this.clock.now()) {
      throw new PlatformError(400, 'INVALID_REQUEST', '下载地址已失效，请重新获取账单地址后再请求');
    }
    if (stored.mchid !== mchid) {
      throw new PlatformError(403, 'NO_AUTH', '请求下载的商户与申请账单的商户不一致');
    }
    return stored.file;
  }

  /** When the day began. */
  private checkDate(date: string): number {
    const fromMs = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00+08:00`) : NaN;
    if (Number.isNaN(fromMs) || chinaTime(fromMs).slice(0, 10) !== date) {
      throw paramError('bill_date', '格式应为yyyy-MM-DD', 'query');
    }
    const now = this.clock.now();
    if (date >= chinaTime(now).slice(0, 10)) {
      throw paramError('bill_date', '只能申请当日之前的账单', 'query');
    }
    const oldest = new Date(now + 8 * hourMs);
    oldest.setUTCMonth(oldest.getUTCMonth() - monthsBack);
    if (date < oldest.toISOString().slice(0, 10)) {
      throw paramError('bill_date', '仅支持三个月内的账单', 'query');
    }
    if (now < fromMs + readyAfterMs) {
      throw new PlatformError(400, 'STATEMENT_CREATING', '账单生成中，请在次日10点后再获取');
    }
    return fromMs;
  }

  private entries({ mchid, subMchid, type }: BillQuery, fromMs: number): readonly BillEntry[] {
    const toMs = fromMs + 24 * hourMs;
    const isTheirs = ({ owner }: { owner: { mchid: string; subMchid?: string } }): boolean =>
      owner.mchid === mchid && (subMchid === undefined || owner.subMchid === subMchid);
    const isThen = (ms: number | undefined): ms is number =>
      ms !== undefined && ms >= fromMs && ms < toMs;
    const paid = this.orders
      .all()
      .filter(isTheirs)
      .flatMap((order) => (isThen(order.paidAtMs) ? [paymentEntry(order, order.paidAtMs)] : []));
    const refunded = this.refunds
      .all()
      .filter((refund) => isTheirs(refund) && isThen(refund.createdAtMs))
      .map((refund) => refundEntry(refund, fromMs + madeAfterMs));
    return [...(type === 'REFUND' ? [] : paid), ...(type === 'SUCCESS' ? [] : refunded)].sort(
      (a, b) => a.atMs - b.atMs,
    );
  }
}
