/** A figure that may not exceed its limit. */
export function atMost(name, figure, limit) {
  return { name: `${name} (at most)`, figure, limit, met: figure <= limit };
}

/** A figure that may not fall below its limit. */
export function atLeast(name, figure, limit) {
  return { name: `${name} (at least)`, figure, limit, met: figure >= limit };
}
