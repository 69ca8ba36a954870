import { Child } from '../../support/children.mjs';
import { atMost } from '../../support/targets.mjs';

const CODE_URL = 'weixin://wxpay/bizpayurl?pr=bench0000001';

/** Whether a process that calls all day keeps anything. */
export async function memory({ parties, settings, progress }) {
  const { concurrency, memory: calls } = settings;
  const { merchant, platform } = parties;
  const stub = await Child.start('stub-platform.mjs');
  const caller = await Child.start('workers/caller.mjs', 'memory', ['--expose-gc']);
  try {
    const { url: baseUrl } = await stub.ask('start', { parties, codeUrl: CODE_URL });
    await caller.ask('start', {
      contestant: 'ours',
      baseUrl,
      codeUrl: CODE_URL,
      merchant,
      platform: { id: platform.id, publicKey: platform.publicKey },
      warmUpMs: settings.warmUpMs,
      warmCalls: settings.warmCalls,
      concurrency,
    });
    progress(`memory, ${calls.warm} calls to begin with`);
    await caller.ask('count', { calls: calls.warm, concurrency }, 600_000);
    const before = await caller.ask('memory');
    progress(`memory, ${calls.measured} calls`);
    await caller.ask('count', { calls: calls.measured, concurrency }, 1_800_000);
    const after = await caller.ask('memory');
    const grown = (figure) => (after[figure] - before[figure]) / 2 ** 20;
    return {
      rows: [
        {
          part: 'memory of a caller',
          name: `${calls.measured.toLocaleString('en')} calls after ${calls.warm.toLocaleString('en')}`,
          grownMegabytes: grown('used'),
          residentGrownMegabytes: grown('resident'),
        },
      ],
      targets: [
        atMost(
          `memory grown over ${calls.measured.toLocaleString('en')} calls, MB`,
          grown('used'),
          5,
        ),
      ],
    };
  } finally {
    await Promise.all([stub.stop(), caller.stop()]);
  }
}
