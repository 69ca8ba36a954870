import { makeParties } from '../../bench/support/keys.mjs';
import { say } from '../demo/processes.mjs';
import { deliverAll } from './deliver.mjs';
import { makePlan } from './plan.mjs';
import { Platform } from './platform.mjs';
import { Shop } from './shops.mjs';

const SHOPS = 4;
const PATH = '/wechatpay/notify';
const progressMs = 10_000;

/**
 * One run: payments, notified to shops that are killed, on a backend that restarts.
 *
 * @param later takes what has to be ended, whatever happens
 * @returns the result, with `isGood`
 */
export async function run({ seed, orders: count, mode }, later) {
  const startedAt = performance.now();
  const { openBackend } = await import(`./modes/${mode}.mjs`);
  const { orders, deliveries, kills, restart } = makePlan({ seed, orders: count, shops: SHOPS });
  const parties = await makeParties();
  const backend = await openBackend(orders);
  later(() => backend.close());

  const { promise: crashed, reject: onCrash } = withResolvers();
  const {
    merchant,
    platform: { id, publicKey },
  } = parties;
  const told = {
    ...{ mode, path: PATH, settings: backend.settings },
    parties: { merchant, platform: { id, publicKey } },
  };
  const shops = Array.from({ length: SHOPS }, (_, at) => new Shop(`shop ${at + 1}`, told, onCrash));
  await Promise.race([Promise.all(shops.map((shop) => shop.start())), crashed]);
  say(`chaos: ${count} orders, ${deliveries.length} deliveries, ${kills.length} kills`);

  const platform = new Platform(parties);
  const mishaps = [];
  const mishap = (work) => {
    work.catch(onCrash);
    mishaps.push(work);
  };
  const restarts = [];
  const restartBackend = async () => {
    const fromMs = Date.now();
    await backend.restart(restart);
    restarts.push({ fromMs, toMs: Date.now() });
  };
  let progress = 0;
  const timer = setInterval(() => say(`chaos: ${progress} of ${deliveries.length}`), progressMs);
  const tally = await Promise.race([
    deliverAll({
      deliveries,
      shops: SHOPS,
      post: async (at, delivery) => shops[at].post(PATH, await platform.sign(delivery)),
      onBegin(begun) {
        progress = begun;
        if (begun === restart.at) mishap(restartBackend());
        for (const { at, shop } of kills) if (at === begun) mishap(shops[shop].kill());
      },
    }),
    crashed,
  ]).finally(() => clearInterval(timer));
  await Promise.race([Promise.all(mishaps).then(() => backend.drained()), crashed]);
  await Promise.all(shops.map((shop) => shop.stop()));
  const killed = shops.flatMap((shop) => shop.kills);
  const { lost, doubled, isGood, more } = await backend.check({ kills: killed, restarts });

  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const { resent, taken, forged, refused, accepted, rejected, givenUp } = tally;
  return {
    isGood: isGood && accepted + rejected === 0,
    result: {
      ...{ seed, mode, orders: orders.length, deliveries: deliveries.length, resent },
      ...{ lost, doubled, forged, refused, accepted, rejected, givenUp },
      ...{ kills: killed.length, restarts: restarts.length, seconds, taken, ...more },
    },
  };
}

function withResolvers() {
  const deferred = {};
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  deferred.promise.catch(() => undefined);
  return deferred;
}
