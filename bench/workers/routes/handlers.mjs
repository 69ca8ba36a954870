/** The whole way: ready route, guard, inbox in memory, dispatch, typed handler. */
import { readyRoute } from '../ready-route.mjs';

export function makeRoute({ merchant, platform, onPaid }) {
  return readyRoute({ merchant, platform, paid: ({ payload }) => onPaid(payload) });
}
