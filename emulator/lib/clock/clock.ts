/** The emulator's idea of time: a base clock and a shift that tests may change. @internal */
export class EmulatorClock {
  private shiftMs = 0;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly base: () => number = Date.now) {}

  /** Milliseconds since 1970. */
  now(): number {
    return this.base() + this.shiftMs;
  }

  /** Seconds since 1970, as they go over the wire. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  get offsetMs(): number {
    return this.shiftMs;
  }

  /** Puts the clock so many milliseconds ahead of (or, negative, behind) the base clock. */
  set(offsetMs: number): void {
    this.shiftMs = offsetMs;
    for (const listener of this.listeners) listener();
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }
}

const chinaMs = 8 * 3600 * 1000;

/**
 * `yyyy-MM-ddTHH:mm:ss+08:00`, as the platform writes times.
 *
 * @see WeChat Pay APIv3 docs: 基本规则, 日期格式
 * @internal
 */
export function chinaTime(ms: number): string {
  return `${new Date(ms + chinaMs).toISOString().slice(0, 19)}+08:00`;
}
