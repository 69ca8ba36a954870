import type { StoreServer } from './store-server.js';
import type { Tally } from './tally.js';

const isChinese = /^zh/i.test(
  process.env['LC_ALL'] || process.env['LC_MESSAGES'] || process.env['LANG'] || '',
);

/** The words for the user's locale. */
export const text = (english: string, chinese: string): string => (isChinese ? chinese : english);

/** A serial number as people can compare it. */
export const short = (serial: string): string => `…${serial.slice(-4)}`;

/** Colour where the terminal shows it and the user wants it. */
const hasColour = process.stderr.isTTY && !process.env['NO_COLOR'];
const paint = (code: number, words: string): string =>
  hasColour ? `\u001B[${code}m${words}\u001B[0m` : words;
const dim = (words: string): string => paint(2, words);
const bold = (words: string): string => paint(1, words);

const columns = { time: 7, paid: 7, failed: 8, who: 10, label: 32 };
const indent = '  ';

/**
 * What people see, on stderr: one line for everything that happens. The counters stand in each line,
 * so that one can see that nothing happens to them.
 */
export class Screen {
  private startedAtMs = performance.now();

  constructor(private readonly tally: Tally) {}

  title(words: string, ...more: string[]): void {
    write('', indent + bold(words), ...more.map((line) => dim(indent + line)), '');
  }

  /** Time is counted from here. */
  begin(): void {
    this.startedAtMs = performance.now();
    const head = [
      alignRight(text('time', '时间'), columns.time),
      alignRight(text('paid', '已付'), columns.paid),
      alignRight(text('failed', '失败'), columns.failed),
    ];
    write(dim(`${head.join('')}   ${text('what happens', '发生了什么')}`));
  }

  line(who: string, english: string, chinese: string): void {
    const { notified, failedCalls, refusedNotifications } = this.tally;
    const failures = failedCalls + refusedNotifications;
    const seconds = (performance.now() - this.startedAtMs) / 1000;
    const failed = alignRight(String(failures), columns.failed);
    write(
      dim(alignRight(`${seconds.toFixed(1)} s`, columns.time)) +
        alignRight(String(notified.size), columns.paid) +
        (failures > 0 ? paint(31, failed) : failed) +
        `   ${bold(pad(who, columns.who))}${text(english, chinese)}`,
    );
  }

  /** The result for people. */
  table(store: StoreServer, tally: Tally): void {
    const row = (english: string, chinese: string, value: string | number): string =>
      indent + pad(text(english, chinese), columns.label) + alignRight(String(value), 8);
    const shops = [...tally.perShop].sort(([one], [other]) => one.localeCompare(other));
    write(
      '',
      row('orders placed', '下单', tally.orders),
      ...shops.map(([name, count]) => dim(row(`  ${name}`, `  ${name}`, count))),
      row('paid and notified', '支付并收到通知', tally.paid),
      row('calls that failed', '失败的调用', tally.failedCalls),
      row('notifications refused', '被拒绝的通知', tally.refusedNotifications),
      row('notifications lost', '丢失的通知', tally.lost),
      '',
      row('rotations of the platform', '平台证书更换', tally.platformRotations),
      row('rotations of the merchant', '商户证书更换', tally.merchantRotations),
      row('certificate downloads', '平台证书下载', tally.downloads),
      row('time to place an order, median', '下单耗时，中位数', `${ms(tally.duration(0.5))}`),
      row('time to place an order, p99', '下单耗时，p99', `${ms(tally.duration(0.99))}`),
      '',
      indent + bold(verdict(store, tally)),
      ...tally.problems.map((problem) => paint(31, `${indent}- ${problem}`)),
      '',
    );
  }
}

function verdict({ name }: StoreServer, tally: Tally): string {
  if (!tally.isGood) return text('Somebody noticed:', '有人察觉到了：');
  return text(
    `Keys rotated, a shop died, ${name} was away: no customer noticed.`,
    `换了密钥，杀过商店，停过 ${name}：没有一位顾客察觉。`,
  );
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;

/** Columns that a text takes: Chinese characters take two. */
function widthOf(words: string): number {
  return [...words].reduce((sum, one) => sum + (/[\u2E80-\uFFEF]/.test(one) ? 2 : 1), 0);
}

function pad(words: string, width: number): string {
  return words + ' '.repeat(Math.max(0, width - widthOf(words)));
}

function alignRight(words: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(words))) + words;
}

function write(...lines: string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`);
}
