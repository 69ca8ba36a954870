const OFFSET_MS = 8 * 3_600_000;

/**
 * A time as the platform writes it: RFC 3339 in China Standard Time, whole seconds,
 * `2026-01-31T08:00:00+08:00`. For `time_expire` and the like.
 *
 * @throws {RangeError} for an invalid date
 * @publicApi
 */
export function rfc3339(date: Date): string {
  return `${new Date(date.getTime() + OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

/**
 * An amount in fen as yuan with two decimals, for people to read: `yuan(1)` is `0.01`.
 *
 * @throws {RangeError} when it is not a whole number that is safe to count with
 * @publicApi
 */
export function yuan(fen: number): string {
  if (!Number.isSafeInteger(fen)) throw new RangeError('An amount in fen is a whole number');
  const digits = String(Math.abs(fen)).padStart(3, '0');
  return `${fen < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
