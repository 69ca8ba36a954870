import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../support/children.mjs';
import { quantile } from '../../support/stats.mjs';

/** The limits of an attempt and of a call that the shops of this group have: the defaults. */
export const ATTEMPT_MS = 1_500;
export const DEADLINE_MS = 10_000;
/** What a busy machine may add to a limit before it counts as missed. */
export const SLACK_MS = 250;

/** A shop, its platforms (the primary one first), and all of their ends. */
export class Scene {
  static async start({ parties, platforms = 1, tls, http = {} }) {
    const scene = new Scene();
    try {
      for (let n = 0; n < platforms; n++) {
        const platform = await Child.start('workers/resilience/platform.mjs', `platform ${n + 1}`);
        scene.platforms.push(platform);
        const { port } = await platform.ask('start', { parties, tls });
        scene.urls.push(tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`);
      }
      scene.shop = await Child.start('workers/resilience/shop.mjs', 'the shop');
      const [baseUrl, backupUrl = false] = scene.urls;
      await scene.shop.ask('start', { baseUrl, backupUrl, parties, http });
      return scene;
    } catch (error) {
      await scene.stop();
      throw error;
    }
  }

  constructor() {
    this.platforms = [];
    this.urls = [];
  }

  setAll(settings) {
    return Promise.all(this.platforms.map((platform) => platform.ask('set', settings)));
  }

  /** Drives the shop for a time, and does things at their moments: `[[afterMs, action]]`. */
  async drive({ perSecond, kinds, forMs, then = [] }) {
    await this.shop.ask('drive', { perSecond, kinds });
    let passedMs = 0;
    for (const [afterMs, action] of then) {
      await sleep(afterMs - passedMs);
      passedMs = afterMs;
      await action();
    }
    await sleep(Math.max(0, forMs - passedMs));
    return this.shop.ask('finish', {}, DEADLINE_MS + 30_000);
  }

  async stop() {
    await Promise.all([...this.platforms, this.shop].map((child) => child?.stop()));
  }
}

export const failed = (calls) => calls.filter(({ code }) => code !== '');

/** Latencies in ms at a quantile. */
export function latency(calls, share) {
  return quantile(Float64Array.from(calls.map(({ tookMs }) => tookMs)).sort(), share);
}

/** What became of calls, as a row of the table. */
export function rowOf(part, name, calls) {
  const percent = (failed(calls).length / Math.max(1, calls.length)) * 100;
  return {
    part,
    name,
    calls: calls.length,
    failedPercent: percent,
    p50Ms: latency(calls, 0.5),
    p99Ms: latency(calls, 0.99),
    longestMs: latency(calls, 1),
  };
}
