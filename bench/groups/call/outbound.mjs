import { Child } from '../../support/children.mjs';
import { medians, ratio } from '../../support/stats.mjs';
import { atLeast, atMost } from '../../support/targets.mjs';

/** In the order in which every round takes them. */
const CONTESTANTS = {
  ours: 'nestjs-wechatpay',
  floor: 'floor: undici + sign + verify',
  'axios-plugin': 'wechatpay-axios-plugin',
  'node-v3': 'wechatpay-node-v3',
};
const CODE_URL = 'weixin://wxpay/bizpayurl?pr=bench0000001';

/** Native prepay, 64 at a time, by everybody. */
export async function outbound({ parties, settings, progress }) {
  const stub = await Child.start('stub-platform.mjs');
  const rounds = Object.fromEntries(Object.keys(CONTESTANTS).map((name) => [name, []]));
  try {
    const { url: baseUrl } = await stub.ask('start', { parties, codeUrl: CODE_URL });
    for (let round = 0; round < settings.rounds; round++) {
      for (const contestant of Object.keys(CONTESTANTS)) {
        progress(`prepay, round ${round + 1} of ${settings.rounds}: ${CONTESTANTS[contestant]}`);
        rounds[contestant].push(await measure(contestant, { stub, baseUrl, parties, settings }));
      }
    }
  } finally {
    await stub.stop();
  }
  return summary(rounds, settings);
}

async function measure(contestant, { stub, baseUrl, parties, settings }) {
  const caller = await Child.start('workers/caller.mjs', CONTESTANTS[contestant]);
  try {
    const { calls, figures } = await caller.ask('measure', {
      contestant,
      baseUrl,
      codeUrl: CODE_URL,
      merchant: parties.merchant,
      platform: { id: parties.platform.id, publicKey: parties.platform.publicKey },
      warmUpMs: settings.warmUpMs,
      measureMs: settings.callsMs,
      concurrency: settings.concurrency,
    });
    checkHonest(contestant, calls, await stub.ask('takeStats'));
    return figures;
  } finally {
    await caller.stop();
  }
}

/** Every call reached the platform once, and every signature looked at was good. */
function checkHonest(contestant, calls, { requests, sampled, malformed, unsigned }) {
  if (requests !== calls || sampled === 0 || malformed > 0 || unsigned > 0) {
    throw new Error(
      `${contestant}: ${calls} calls, but the platform saw ${requests} requests, ` +
        `${malformed} malformed, ${unsigned} of ${sampled} sampled with a wrong signature`,
    );
  }
}

function summary(rounds, { concurrency }) {
  const rows = Object.entries(CONTESTANTS).map(([contestant, name]) => ({
    part: `native prepay, concurrency ${concurrency}`,
    name,
    ...medians(rounds[contestant]),
  }));
  const { ours, floor, 'axios-plugin': axiosPlugin, 'node-v3': nodeV3 } = rounds;
  const throughput = (peer) => ratio(ours, peer, 'requestsPerSecond');
  const delay = (peer) => ratio(ours, peer, 'loopDelayP99Ms');
  const targets = [
    atMost('CPU per call, × floor', ratio(ours, floor, 'cpuMicros'), 1.25),
    atLeast('throughput, × wechatpay-node-v3', throughput(nodeV3), 4),
    atLeast('throughput, × wechatpay-axios-plugin', throughput(axiosPlugin), 2.6),
    atMost('event-loop delay p99, × wechatpay-node-v3', delay(nodeV3), 0.4),
    atMost('event-loop delay p99, × wechatpay-axios-plugin', delay(axiosPlugin), 0.4),
  ];
  return { rows, targets };
}
