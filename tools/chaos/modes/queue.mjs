/** `--mode queue`: a notification is answered when Redis keeps it, and an order is credited by a worker. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { OnWechatPayNotification } from 'nestjs-wechatpay';
import { BullNotificationQueue } from 'nestjs-wechatpay/bullmq';
import { RedisNotificationInbox } from 'nestjs-wechatpay/redis';
import { say } from '../../demo/processes.mjs';
import { countUp, openLedger, readLedgers } from '../ledger.mjs';
import { startRedis } from '../redis.mjs';

const QUEUE = { name: 'wechatpay-notifications', prefix: '{wechatpay}' };
/** Jobs in these states have not been handled yet. */
const OPEN = ['wait', 'prioritized', 'active', 'delayed', 'paused'];
const askEveryMs = 500;
/** Work takes a moment, so that kills meet it. */
const longestWorkMs = 20;
const quiet = () => undefined;

/**
 * What the shops share.
 *
 * @returns `{ settings, restart(how), drained(), check(mishaps), close() }`, the settings for {@link shopParts}
 */
export async function openBackend(orders) {
  const server = await startRedis();
  const ledgers = join(server.folder, 'ledgers');
  await mkdir(ledgers);
  const withQueue = async (ask) => {
    const connection = new Redis(server.url, { maxRetriesPerRequest: null });
    connection.on('error', quiet);
    const queue = new Queue(QUEUE.name, { ...QUEUE, connection, skipVersionCheck: true });
    queue.on('error', quiet);
    try {
      return await ask(queue);
    } finally {
      connection.disconnect();
    }
  };
  return {
    settings: { url: server.url, ledgers },
    /** Without a farewell, or with one. */
    restart: ({ isCrash }) => server.restart(isCrash ? 'KILL' : 'TERM'),
    /** Resolves when nothing waits for a handler any more. A job of a shop that was killed waits longest. */
    drained: () =>
      withQueue(async (queue) => {
        for (let asked = 0; ; asked += 1) {
          const open = await queue.getJobCountByTypes(...OPEN);
          if (open === 0) return;
          if (asked % 20 === 19) say(`chaos: ${open} in the queue`);
          await sleep(askEveryMs);
        }
      }),
    /** Once no shop writes any more. */
    async check(mishaps) {
      const dead = await withQueue((queue) => queue.getFailedCount());
      const completions = await readLedgers(ledgers);
      const found = countUp({ orders, completions, ...mishaps });
      const { runs, lost, doubled, byKill, byRestart, foreign } = found;
      for (const no of lost.slice(0, 10)) say(`chaos: lost ${no}`);
      for (const no of foreign.slice(0, 10)) say(`chaos: foreign ${no}`);
      return {
        ...{ lost: lost.length, doubled },
        isGood: lost.length + dead + foreign.length === 0 && doubled === byKill + byRestart,
        more: { byKill, byRestart, runs, foreign: foreign.length, dead },
      };
    },
    close: server.close,
  };
}

/** What a shop does about it: `{ options, providers, close() }`. */
export async function shopParts({ url, ledgers }) {
  const ledger = await openLedger(ledgers);
  const client = new Redis(url);
  client.on('error', quiet);

  class Payments {
    async paid({ payload }) {
      await sleep(Math.random() * longestWorkMs);
      await ledger.write(payload.out_trade_no, payload.amount.total);
    }
  }
  const { prototype } = Payments;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'paid');
  OnWechatPayNotification('TRANSACTION.SUCCESS')(prototype, 'paid', descriptor);
  Injectable()(Payments);
  const queue = new BullNotificationQueue({ ...QUEUE, connection: url });
  return {
    options: { queue, inbox: new RedisNotificationInbox(client) },
    providers: [Payments],
    async close() {
      client.disconnect();
      await ledger.close();
    },
  };
}
