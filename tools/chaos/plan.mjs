/** What is to happen in a run; all of it follows from the seed. How processes interleave does not. */

/** Of the genuine deliveries; so many more are forged, in each of the ways. */
const FORGED_SHARE = 0.01;
const MOST_COPIES = 16;
/** Most copies of a notification come at once, others after many other orders. */
const LATE_SHARE = 0.2;
const ORDERS_A_KILL = 500;

/**
 * @returns `{ orders, deliveries, kills, restart }`: deliveries in their order; a kill comes, and the
 * backend restarts, when so many deliveries have begun
 */
export function makePlan({ seed, orders: count, shops }) {
  const random = randomFrom(seed);
  const below = (limit) => Math.floor(random() * limit);
  const orders = Array.from({ length: count }, (_, index) => ({
    no: `chaos${String(index).padStart(10, '0')}`,
    fen: 1 + below(100_000),
  }));
  const deliveries = orders.flatMap((order, index) => {
    const lateness = () => (random() < LATE_SHARE ? random() ** 2 * (count / 4) : random());
    const delivery = (kind) => ({
      order,
      kind,
      at: index + lateness(),
      shop: below(shops),
      // the platform may also notify of one event twice
      id: random() < 0.1 ? 'second' : 'first',
      flaw: random(),
      attempts: 0,
    });
    // few copies are more frequent: where there is only one, nothing makes up for its loss
    const copies = 1 + Math.floor(MOST_COPIES * random() ** 2);
    return Array.from({ length: copies }, () => [
      delivery('genuine'),
      ...['probe', 'tampered'].filter(() => random() < FORGED_SHARE).map(delivery),
    ]).flat();
  });
  deliveries.sort((one, other) => one.at - other.at);
  const moment = () => below(deliveries.length);
  const kills = Array.from({ length: Math.ceil(count / ORDERS_A_KILL) }, () => ({
    at: moment(),
    shop: below(shops),
  }));
  return { orders, deliveries, kills, restart: { at: moment(), isCrash: random() < 0.5 } };
}

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
