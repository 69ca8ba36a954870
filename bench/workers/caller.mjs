/** One contestant in a process of its own: sets it up, warm, and drives it. */
import { answer } from '../support/rpc.mjs';
import { drive, Meter, quantile } from '../support/stats.mjs';

/** However slow a contestant is, warming ends. */
const MAX_WARM_UPS = 8;

let subject;
let calls = 0;
let expected;

async function call() {
  const outTradeNo = `bench${String(calls++).padStart(12, '0')}`;
  const answered = await subject.prepay({
    description: '一杯咖啡',
    out_trade_no: outTradeNo,
    amount: { total: 100, currency: 'CNY' },
  });
  if (answered !== expected) throw new Error(`unexpected answer: ${answered}`);
}

answer({
  async start({ contestant, codeUrl, warmUpMs: durationMs, warmCalls, concurrency, ...context }) {
    const { create } = await import(`../contestants/${contestant}.mjs`);
    subject = await create(context);
    expected = codeUrl;
    for (let slice = 0; slice < MAX_WARM_UPS && (slice === 0 || calls < warmCalls); slice++) {
      await drive(call, { durationMs, concurrency });
    }
  },
  /** Makes so many calls. */
  async count({ calls: wanted, concurrency }) {
    const end = calls + wanted;
    const lane = async () => {
      while (calls < end) await call();
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  },
  /** What is in use after collection, in bytes. */
  async memory() {
    for (let time = 0; time < 3; time++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    return { used: heapUsed + external, resident: rss };
  },
  async drive({ durationMs, concurrency }) {
    const meter = new Meter();
    meter.start();
    const latencies = await drive(call, { durationMs, concurrency });
    const { elapsedMs, ...spent } = meter.stop(latencies.length);
    return {
      calls: latencies.length,
      figures: {
        requestsPerSecond: latencies.length / (elapsedMs / 1e3),
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
        ...spent,
      },
    };
  },
});
