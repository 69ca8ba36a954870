import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { isHeard, listen, traced } from '../../lib/diagnostics/index.js';

interface Happening {
  readonly name: string;
  error?: unknown;
}

/** Work that a test ends. */
function held() {
  let finish: () => void = () => undefined;
  const work = new Promise<void>((resolve) => (finish = resolve));
  return { work: () => work, finish };
}

describe('a listener of a channel', () => {
  const channel = tracingChannel('test:listen') as TracingChannel<unknown, Happening>;
  const log: string[] = [];
  const start = () =>
    listen(channel, {
      begin: ({ name }) => {
        log.push(`begin ${name}`);
        return name.toUpperCase();
      },
      end: ({ name, error }, state) => log.push(`end ${name} ${state} ${String(error)}`),
    });

  afterEach(() => {
    jest.useRealTimers();
    log.length = 0;
    expect(isHeard(channel)).toBe(false);
  });

  it('hears what ends well and what fails, with what it kept of the beginning', async () => {
    const stop = start();
    await traced(channel, { name: 'a' }, () => Promise.resolve());
    const failing = traced(channel, { name: 'b' }, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    stop();
    await traced(channel, { name: 'c' }, () => Promise.resolve());
    expect(log).toEqual(['begin a', 'end a A undefined', 'begin b', 'end b B Error: no']);
  });

  it('hears nothing of what began before it', async () => {
    const { work, finish } = held();
    const stopFirst = start();
    const running = traced(channel, { name: 'a' }, work);
    const stopSecond = start();
    finish();
    await running;
    stopFirst();
    stopSecond();
    expect(log).toEqual(['begin a', 'end a A undefined']);
  });

  it('hears to its end what it heard begin, when it is stopped meanwhile', async () => {
    const [first, second] = [held(), held()];
    const stop = start();
    const running = [
      traced(channel, { name: 'a' }, first.work),
      traced(channel, { name: 'b' }, second.work),
    ];
    stop();
    stop();
    expect(isHeard(channel)).toBe(true);
    await traced(channel, { name: 'c' }, () => Promise.resolve());
    first.finish();
    await running[0];
    expect(isHeard(channel)).toBe(true);
    second.finish();
    await running[1];
    expect(isHeard(channel)).toBe(false);
    expect(log).toEqual(['begin a', 'begin b', 'end a A undefined', 'end b B undefined']);
  });

  it('gives up what does not end', () => {
    jest.useFakeTimers();
    const stop = start();
    void traced(channel, { name: 'a' }, held().work);
    stop();
    jest.advanceTimersByTime(599_000);
    expect(isHeard(channel)).toBe(true);
    jest.advanceTimersByTime(1_000);
    expect(isHeard(channel)).toBe(false);
  });
});
