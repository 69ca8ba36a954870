import type { EmulatorClock } from './clock.js';

interface Task {
  readonly dueMs: number;
  readonly run: () => void;
}

/** The longest delay that Node's timers can do. */
const longestDelayMs = 2 ** 31 - 1;

/**
 * Runs things at a time of the emulator's clock: one unref'd timer to the earliest of them, armed
 * anew when the clock is moved.
 *
 * @internal
 */
export class Scheduler {
  private readonly tasks = new Set<Task>();
  private timer: NodeJS.Timeout | undefined;
  /** What the timer is armed for. */
  private earliestMs = Infinity;
  private closed = false;

  constructor(private readonly clock: EmulatorClock) {
    clock.onChange(() => this.arm());
  }

  /** Runs `run` at `dueMs`, at the earliest in the next turn. Returns what cancels it. */
  at(dueMs: number, run: () => void): () => void {
    const task: Task = { dueMs, run };
    this.tasks.add(task);
    if (dueMs < this.earliestMs) this.arm(); // with many tasks, looking at all of them is dear
    return () => {
      this.tasks.delete(task);
    };
  }

  close(): void {
    this.closed = true;
    this.tasks.clear();
    clearTimeout(this.timer);
  }

  private arm(): void {
    clearTimeout(this.timer);
    let earliest = Infinity;
    for (const { dueMs } of this.tasks) earliest = Math.min(earliest, dueMs);
    this.earliestMs = earliest;
    if (this.closed || earliest === Infinity) return;
    const delay = Math.min(Math.max(earliest - this.clock.now(), 0), longestDelayMs);
    this.timer = setTimeout(() => this.runDue(), delay);
    this.timer.unref();
  }

  private runDue(): void {
    const now = this.clock.now();
    const due = [...this.tasks].filter(({ dueMs }) => dueMs <= now);
    due.sort((a, b) => a.dueMs - b.dueMs);
    for (const task of due) {
      if (this.tasks.delete(task)) task.run();
    }
    this.arm();
  }
}
