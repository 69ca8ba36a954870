import { Child } from '../../support/children.mjs';
import { measureInSittings } from '../../support/sittings.mjs';
import { medians, ratio } from '../../support/stats.mjs';
import { atLeast, atMost } from '../../support/targets.mjs';

const CONTESTANTS = {
  ours: 'nestjs-wechatpay',
  floor: 'floor: undici + sign + verify',
  'axios-plugin': 'wechatpay-axios-plugin',
  'node-v3': 'wechatpay-node-v3',
};
const CODE_URL = 'weixin://wxpay/bizpayurl?pr=bench0000001';

/** Native prepay, 64 at a time, by everybody. */
export async function outbound({ parties, settings, progress }) {
  const { merchant, platform } = parties;
  const { concurrency } = settings;
  const stub = await Child.start('stub-platform.mjs');
  try {
    const { url: baseUrl } = await stub.ask('start', { parties, codeUrl: CODE_URL });
    const measured = await measureInSittings({
      subjects: Object.entries(CONTESTANTS).map(([contestant, label]) => ({ contestant, label })),
      sittings: settings.sittings,
      rounds: settings.callRounds,
      async start({ contestant, label }, sitting) {
        progress(`prepay, ${sitting}: ${label}`);
        const caller = await Child.start('workers/caller.mjs', label);
        await caller.ask('start', {
          contestant,
          baseUrl,
          codeUrl: CODE_URL,
          merchant,
          platform: { id: platform.id, publicKey: platform.publicKey },
          warmUpMs: settings.warmUpMs,
          warmCalls: settings.warmCalls,
          concurrency,
        });
        return caller;
      },
      async measure({ label }, caller) {
        // Connections that were idle for too long are made anew before the clock runs.
        await caller.ask('drive', { durationMs: settings.callsMs / 10, concurrency });
        await stub.ask('takeStats');
        const { calls, figures } = await caller.ask('drive', {
          durationMs: settings.callsMs,
          concurrency,
        });
        checkHonest(label, calls, await stub.ask('takeStats'));
        return figures;
      },
      stop: (caller) => caller.stop(),
    });
    return summary(measured, settings);
  } finally {
    await stub.stop();
  }
}

/** Every call reached the platform once, and every signature looked at was good. */
function checkHonest(label, calls, { requests, sampled, malformed, unsigned }) {
  if (requests !== calls || sampled === 0 || malformed > 0 || unsigned > 0) {
    throw new Error(
      `${label}: ${calls} calls, but the platform saw ${requests} requests, ` +
        `${malformed} malformed, ${unsigned} of ${sampled} sampled with a wrong signature`,
    );
  }
}

function summary(measured, { concurrency }) {
  const rows = measured.map(({ label, rounds }) => ({
    part: `native prepay, concurrency ${concurrency}`,
    name: label,
    ...medians(rounds),
  }));
  const roundsOf = (contestant) => measured.find((one) => one.contestant === contestant).rounds;
  const ours = (figure, peer) => ratio(roundsOf('ours'), roundsOf(peer), figure);
  const throughput = (peer) => ours('requestsPerSecond', peer);
  const delay = (peer) => ours('loopDelayP99Ms', peer);
  const targets = [
    atMost('CPU per call, × floor', ours('cpuMicros', 'floor'), 1.12),
    atLeast('throughput, × floor', throughput('floor'), 0.9),
    atLeast('throughput, × wechatpay-node-v3', throughput('node-v3'), 5),
    atLeast('throughput, × wechatpay-axios-plugin', throughput('axios-plugin'), 3.1),
    atMost('event-loop delay p99, × wechatpay-node-v3', delay('node-v3'), 0.33),
    atMost('event-loop delay p99, × wechatpay-axios-plugin', delay('axios-plugin'), 0.33),
  ];
  return { rows, targets, cpuMicrosPerCall: medians(roundsOf('ours')).cpuMicros };
}
