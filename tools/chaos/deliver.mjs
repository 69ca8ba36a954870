/** Delivers what is planned, and again what was not taken, as the platform does. */

const CONCURRENCY = 64;
/** The platform's schedule in seconds, and how much faster it is here. */
const AGAIN_AFTER = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600];
const SCALE = 0.01;

/**
 * Resolves when every delivery was taken, refused for good, or given up.
 *
 * @param post `(shop, delivery) => status`, 0 where there was no answer
 * @param onBegin `(count)` of the deliveries that have begun, before the next one begins
 * @returns `{ resent, taken, forged, refused, accepted, rejected, givenUp }`: genuine ones that were
 * taken, forged ones that were refused and accepted, genuine ones that were refused and given up
 */
export async function deliverAll({ deliveries, shops, post, onBegin }) {
  const tally = {
    resent: 0,
    taken: 0,
    forged: 0,
    refused: 0,
    accepted: 0,
    rejected: 0,
    givenUp: 0,
  };
  const due = [];
  const waiting = [];
  let begun = 0;
  let open = deliveries.length;
  const wake = () => waiting.shift()?.();
  const close = () => {
    open -= 1;
    if (open === 0) while (waiting.length > 0) wake();
  };

  const next = () => {
    if (due.length > 0) return due.shift();
    if (begun === deliveries.length) return undefined;
    onBegin(begun);
    return deliveries[begun++];
  };

  const attempt = async (delivery) => {
    const status = await post((delivery.shop + delivery.attempts) % shops, delivery);
    const isTaken = status >= 200 && status < 300;
    const isForged = delivery.kind !== 'genuine';
    if (isTaken || (status >= 400 && status < 500)) {
      if (isForged) tally.forged += 1;
      if (isForged) tally[isTaken ? 'accepted' : 'refused'] += 1;
      else tally[isTaken ? 'taken' : 'rejected'] += 1;
      return close();
    }
    const seconds = AGAIN_AFTER[delivery.attempts++];
    if (seconds === undefined) {
      tally.givenUp += 1;
      return close();
    }
    tally.resent += 1;
    setTimeout(
      () => {
        due.push(delivery);
        wake();
      },
      seconds * SCALE * 1000,
    );
  };

  const work = async () => {
    while (open > 0) {
      const delivery = next();
      if (delivery) await attempt(delivery);
      else await new Promise((done) => waiting.push(done));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return tally;
}
