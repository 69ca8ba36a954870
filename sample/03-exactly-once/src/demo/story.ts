import { setTimeout as pause } from 'node:timers/promises';
import type { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import type { Client } from 'pg';
import type { ShopProcess } from './shop-process.js';

const copies = 8;
const patienceMs = 20_000;

const isChinese = /^zh/i.test(
  process.env['LC_ALL'] || process.env['LC_MESSAGES'] || process.env['LANG'] || '',
);
const say = (english: string, chinese: string): void =>
  void process.stderr.write(`  ${isChinese ? chinese : english}\n`);

export interface Result {
  readonly orders: number;
  readonly deliveries: number;
  readonly kills: number;
  readonly credits: number;
}

/** What happens to one order, and what the database says of it. */
export class Story {
  private outTradeNo = '';

  /** @param blocker a connection that may hold a lock */
  constructor(
    private readonly shop: ShopProcess,
    private readonly emulator: WechatPayEmulator,
    private readonly database: Client,
    private readonly blocker: Client,
  ) {}

  async tell(): Promise<Result> {
    await this.place();
    await this.killInTransaction();
    await this.shop.start();
    say('The shop is up again.', '商店重新启动。');
    await until(async () => {
      await this.deliver();
      return this.notification()?.state === 'delivered';
    });
    await this.shop.kill();
    await this.shop.start();
    say(
      'The shop is killed and up again once more: what it had in its memory is gone.',
      '商店再次被杀死并重新启动：内存中的一切都已丢失。',
    );
    await this.deliver();
    const credits = await this.credits();
    const deliveries = this.notification()?.attempts.length ?? 0;
    say(
      `Delivered ${deliveries} times, credited ${credits === 1 ? 'exactly once' : `${credits} times`}.`,
      `共送达 ${deliveries} 次，入账 ${credits} 次。`,
    );
    return { orders: 1, deliveries, kills: 2, credits };
  }

  private async place(): Promise<void> {
    const placed = await fetch(`${this.shop.url}/orders`, { method: 'POST' });
    if (placed.status !== 201) throw new Error(`no order: ${await placed.text()}`);
    ({ outTradeNo: this.outTradeNo } = (await placed.json()) as { outTradeNo: string });
    say(`Order ${this.outTradeNo} is placed.`, `已下单：${this.outTradeNo}`);
  }

  /** Whoever has the row of the order holds up the transaction that wants to credit it. */
  private async killInTransaction(): Promise<void> {
    const { blocker, outTradeNo } = this;
    await blocker.query('BEGIN');
    await blocker.query('SELECT FROM orders WHERE out_trade_no = $1 FOR UPDATE', [outTradeNo]);
    this.emulator.pay(outTradeNo);
    await until(async () => {
      const sql = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE orders%'`;
      return (await this.database.query(sql)).rowCount === 1;
    });
    say(
      'Paid and notified: the shop has claimed the event and is in the middle of its transaction.',
      '已支付并通知：商店已认领该事件，正处于事务之中。',
    );
    await this.shop.kill();
    await blocker.query('ROLLBACK');
    const credits = await this.credits();
    say(
      `The shop is killed with SIGKILL. Credits in the database: ${credits}`,
      `商店被 SIGKILL 杀死。数据库中的入账：${credits} 次`,
    );
  }

  /** The emulator delivers copies at once. */
  private async deliver(): Promise<void> {
    const { id = '', attempts: before = [] } = this.notification() ?? {};
    await Promise.all(Array.from({ length: copies }, () => this.emulator.resend(id)));
    const answers = this.notification()?.attempts.slice(before.length) ?? [];
    const statuses = answers.map(({ status }) => String(status ?? '-')).join(' ');
    const credits = await this.credits();
    say(
      `${copies} copies at once: answered ${statuses}. Credits in the database: ${credits}`,
      `同时送达 ${copies} 份：应答 ${statuses}。数据库中的入账：${credits} 次`,
    );
  }

  private notification() {
    return this.emulator.notifications()[0];
  }

  private async credits(): Promise<number> {
    const sql = 'SELECT count(*)::int AS credits FROM credits WHERE out_trade_no = $1';
    const { rows } = await this.database.query<{ credits: number }>(sql, [this.outTradeNo]);
    return rows[0]?.credits ?? 0;
  }
}

/** @throws {Error} when it does not hold in time */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${patienceMs} ms`);
    await pause(50);
  }
}
