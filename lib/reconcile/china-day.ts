const OFFSET_MS = 8 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

/**
 * A day of a trade bill, from midnight to midnight in China (UTC+8).
 *
 * @publicApi
 */
export interface TradeBillDay {
  /** `yyyy-MM-dd`. */
  readonly date: string;
  /** Its first moment. */
  readonly from: Date;
  /** The first moment of the day after. */
  readonly to: Date;
}

/** The day in China at a time, `yyyy-MM-dd`. */
export function chinaDate(ms: number): string {
  return new Date(ms + OFFSET_MS).toISOString().slice(0, 10);
}

/** A time of a day in China, in milliseconds since 1970. @param time `HH:mm` */
export function chinaTimeMs(date: string, time: string): number {
  return Date.parse(`${date}T${time}:00+08:00`);
}

/** The day so many days later. */
export function addDays(date: string, days: number): string {
  return chinaDate(chinaTimeMs(date, '00:00') + days * DAY_MS);
}

/** `undefined` when it is no day, such as `2026-02-30`. */
export function chinaDay(date: string): TradeBillDay | undefined {
  if (typeof date !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(date)) return undefined;
  const fromMs = chinaTimeMs(date, '00:00');
  if (Number.isNaN(fromMs) || chinaDate(fromMs) !== date) return undefined;
  return { date, from: new Date(fromMs), to: new Date(fromMs + DAY_MS) };
}
