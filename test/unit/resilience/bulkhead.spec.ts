import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Admission, createProcessBulkhead, Deadline } from '../../../lib/transport/index.js';
import { Bulkhead } from '../../../lib/transport/resilience/bulkhead.js';

const deadlines: Deadline[] = [];
const deadline = (timeoutMs = 10_000, signal?: AbortSignal): Deadline => {
  const made = new Deadline(timeoutMs, signal);
  deadlines.push(made);
  return made;
};
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  for (const each of deadlines.splice(0)) each.dispose();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('a bulkhead', () => {
  it('lets as many in as it has places for, and the next ones in turn', async () => {
    const bulkhead = new Bulkhead('of a test', { maxConcurrency: 2, maxQueue: 2 });
    expect([bulkhead.tryEnter(), bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([
      true,
      true,
      false,
    ]);
    const order: number[] = [];
    void bulkhead.enter(deadline()).then(() => order.push(1));
    void bulkhead.enter(deadline()).then(() => order.push(2));
    expect(bulkhead.waiting).toBe(2);
    await expect(bulkhead.enter(deadline()).catch(codeOf)).resolves.toBe('OVERLOADED');
    bulkhead.leave();
    await settled();
    expect(order).toEqual([1]);
    // nobody overtakes those who wait
    bulkhead.leave();
    expect(bulkhead.tryEnter()).toBe(false);
    await settled();
    expect([order, bulkhead.running, bulkhead.waiting]).toEqual([[1, 2], 2, 0]);
  });

  it('refuses after a second of waiting, and says when to come back', async () => {
    const bulkhead = new Bulkhead('of a test', { maxConcurrency: 1, maxQueue: 5 });
    bulkhead.tryEnter();
    const refused = bulkhead.enter(deadline()).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(1_000);
    await expect(refused).resolves.toMatchObject({
      code: 'OVERLOADED',
      isRetryable: true,
      wasSent: false,
      retryAfterMs: 1_000,
      message: expect.stringContaining('http.maxConcurrency'),
    });
    expect(bulkhead.waiting).toBe(0);
  });

  it('lets go of whose call ends while it waits', async () => {
    const bulkhead = new Bulkhead('of a test', { maxConcurrency: 1, maxQueue: 5 });
    bulkhead.tryEnter();
    const abort = new AbortController();
    const gone = bulkhead.enter(deadline(10_000, abort.signal)).catch(codeOf);
    const late = bulkhead.enter(deadline(100)).catch(codeOf);
    const before = bulkhead.enter(deadline(10_000, AbortSignal.abort())).catch(codeOf);
    abort.abort();
    await jest.advanceTimersByTimeAsync(100);
    await expect(Promise.all([gone, late, before])).resolves.toEqual([
      'ABORTED',
      'TIMEOUT',
      'ABORTED',
    ]);
    bulkhead.leave();
    expect([bulkhead.running, bulkhead.waiting]).toEqual([0, 0]);
  });

  it('halves after a 429, once a second, and grows back as calls go well', () => {
    const bulkhead = new Bulkhead('of a test', { maxConcurrency: 8, maxQueue: 5 });
    for (let each = 0; each < 8; each += 1) bulkhead.tryEnter();
    bulkhead.slowDown(10_000);
    bulkhead.slowDown(10_500); // the same burst
    expect(bulkhead.limit).toBe(4);
    bulkhead.slowDown(11_000);
    expect(bulkhead.limit).toBe(2);
    for (let second = 12; second < 20; second += 1) bulkhead.slowDown(second * 1_000);
    expect(bulkhead.limit).toBe(1);
    for (let call = 0; call < 5; call += 1) bulkhead.speedUp();
    expect(bulkhead.limit).toBe(3);
    for (let call = 0; call < 100; call += 1) bulkhead.speedUp();
    expect(bulkhead.limit).toBe(8);
  });

  it('makes room at once when it becomes larger', async () => {
    const bulkhead = new Bulkhead('of a test', { maxConcurrency: 1, maxQueue: 5 });
    bulkhead.tryEnter();
    const entered = bulkhead.enter(deadline());
    bulkhead.resize(2);
    await entered;
    expect(bulkhead.running).toBe(2);
  });
});

describe('the admission of a merchant', () => {
  const limits = { maxConcurrency: 2, maxQueue: 2 };

  it('bounds each merchant by itself, and all by the process', async () => {
    const process = createProcessBulkhead();
    process.resize(3);
    const [one, other] = [new Admission(limits, process), new Admission(limits, process)];
    expect([one.enter(deadline()), one.enter(deadline())]).toEqual([undefined, undefined]);
    const ownTurn = one.enter(deadline()) as Promise<void>;
    expect(other.enter(deadline())).toBeUndefined(); // one merchant's burst is not the other's
    const processTurn = other.enter(deadline()) as Promise<void>;
    one.leave(); // frees a place of both
    await processTurn;
    other.leave();
    await ownTurn;
    expect([one.own.running, other.own.running, process.running]).toEqual([2, 1, 3]);
  });

  it('gives its own place back when the process has none in time', async () => {
    const process = createProcessBulkhead();
    process.resize(1);
    const [one, other] = [new Admission(limits, process), new Admission(limits, process)];
    void one.enter(deadline());
    const refused = (other.enter(deadline()) as Promise<void>).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(1_000);
    await expect(refused).resolves.toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringContaining('in this process'),
    });
    expect(other.own.running).toBe(0);
  });

  it('lets those that run and those that wait finish when it closes, and nobody new in', async () => {
    const admission = new Admission({ maxConcurrency: 1, maxQueue: 2 }, createProcessBulkhead());
    void admission.enter(deadline());
    const turn = admission.enter(deadline()) as Promise<void>;
    let isClosed = false;
    const closing = admission.close(5_000).then(() => (isClosed = true));
    expect(() => admission.enter(deadline())).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    admission.leave();
    await turn;
    await settled();
    expect(isClosed).toBe(false);
    admission.leave();
    await closing;
  });

  it('waits for no longer than its grace time when it closes', async () => {
    const admission = new Admission(limits, createProcessBulkhead());
    void admission.enter(deadline());
    const closing = admission.close(5_000);
    await jest.advanceTimersByTimeAsync(5_000);
    await closing;
    await new Admission(limits, createProcessBulkhead()).close(5_000); // nothing runs
  });
});
