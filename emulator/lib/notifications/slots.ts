/** Room for so many things at once; who waits goes in the order of asking. @internal */
export class Slots {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /** Resolves when there is room, which {@link give} must give back. */
  async take(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  give(): void {
    const [next] = this.waiting;
    if (next === undefined) {
      this.free += 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }

  /** Does something when there is room. */
  async run(work: () => Promise<void>): Promise<void> {
    await this.take();
    try {
      await work();
    } finally {
      this.give();
    }
  }
}
