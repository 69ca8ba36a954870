import { afterEach, describe, expect, it } from '@jest/globals';
import { addTracingSystem, withTrace, type TracingSystem } from '../../lib/diagnostics/index.js';
import { runTraced } from '../../lib/diagnostics/tracing-system.js';

const system = (label: string | undefined, log: string[] = []): TracingSystem => ({
  label: () => label,
  run: (_event, work) => {
    log.push(`in ${String(label)}`);
    try {
      return work();
    } finally {
      log.push(`out ${String(label)}`);
    }
  },
});

describe('a line of the log', () => {
  const ends: (() => void)[] = [];
  const add = (label: string | undefined): void => {
    ends.push(addTracingSystem(system(label)));
  };
  afterEach(() => ends.splice(0).forEach((end) => end()));

  it('stays as it is where nothing is known', () => {
    expect(withTrace('a line')).toBe('a line');
    expect(withTrace('a line', {})).toBe('a line');
    add(undefined);
    expect(withTrace('a line')).toBe('a line');
  });

  it('names the trace before the request, and the first trace that is known', () => {
    add(undefined);
    add('trace 0af7');
    add('trace 4bf9');
    expect(withTrace('a line', { 'x-request-id': 'r-1' })).toBe('a line [trace 0af7]');
  });

  it('names the request that a proxy numbered', () => {
    const id = 'Ab-1_2.3'.repeat(8);
    expect(withTrace('a line', { 'x-request-id': id })).toBe(`a line [request ${id}]`);
  });

  it.each([
    ['empty', ''],
    ['too long', 'a'.repeat(65)],
    ['a line of its own', 'a\nb'],
    ['a line of its own at the end', 'a\n'],
    ['a colour', '\u001b[31m'],
    ['a bracket', 'a]'],
    ['sent twice', ['a', 'b']],
    ['another script', '请求'],
  ])('does not repeat an id that is %s', (_name, id) => {
    expect(withTrace('a line', { 'x-request-id': id })).toBe('a line');
  });

  it('forgets a system that is taken out, whatever the order', () => {
    const first = addTracingSystem(system('trace 1'));
    const second = addTracingSystem(system('trace 2'));
    first();
    first();
    expect(withTrace('a line')).toBe('a line [trace 2]');
    second();
    expect(withTrace('a line')).toBe('a line');
  });
});

describe('the work of an event', () => {
  it('runs within every tracing system, or alone', () => {
    const log: string[] = [];
    expect(runTraced({}, () => 'alone')).toBe('alone');
    const ends = ['a', 'b'].map((label) => addTracingSystem(system(label, log)));
    expect(runTraced({}, () => log.push('work'))).toBe(3);
    ends.forEach((end) => end());
    expect(log).toEqual(['in b', 'in a', 'work', 'out a', 'out b']);
  });
});
