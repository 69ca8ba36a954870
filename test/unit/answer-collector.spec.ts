import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AnswerCollector } from '../../lib/transport/collector.js';
import { Deadline } from '../../lib/transport/deadline.js';
import type { RawAnswer } from '../../lib/transport/index.js';

describe('what takes an answer in', () => {
  let caller: AbortController;
  let deadline: Deadline;
  let collector: AnswerCollector;
  let answer: Promise<RawAnswer>;
  const abort = jest.fn();
  const controller = { abort } as never;

  beforeEach(() => {
    abort.mockClear();
    caller = new AbortController();
    deadline = new Deadline(60_000, caller.signal);
    answer = new Promise((resolve, reject) => {
      collector = new AnswerCollector(deadline, 8, resolve, reject);
    });
    answer.catch(() => undefined);
  });
  afterEach(() => deadline.dispose());

  it.each([
    ['nothing', []],
    ['one piece', ['abcd']],
    ['several pieces', ['ab', 'cd', 'efgh']],
  ])('puts %s together', async (_, pieces) => {
    collector.onRequestStart(controller);
    collector.onResponseStart(controller, 200, {});
    for (const piece of pieces) collector.onResponseData(controller, Buffer.from(piece));
    collector.onResponseEnd();
    expect(String((await answer).body)).toBe(pieces.join(''));
  });

  it('waits for the answer behind what the server says before it', async () => {
    collector.onRequestStart(controller);
    collector.onResponseStart(controller, 103, { 'content-length': '9' }); // of nothing yet
    collector.onResponseStart(controller, 204, { 'request-id': '1' });
    collector.onResponseEnd();
    await expect(answer).resolves.toMatchObject({ status: 204, headers: { 'request-id': '1' } });
  });

  it('sends nothing when the call ended in the queue for a connection', async () => {
    caller.abort();
    collector.onRequestStart(controller);
    expect(abort).toHaveBeenCalledWith(expect.objectContaining({ code: 'ABORTED' }));
    expect(collector.wasSent).toBe(false);
    await expect(answer).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it.each([
    ['is announced', { 'content-length': '9' }, ''],
    ['comes', {}, 'x'.repeat(9)],
  ])('ends an answer when more than its bound %s', async (_, headers, text) => {
    collector.onRequestStart(controller);
    collector.onResponseStart(controller, 200, headers);
    collector.onResponseData(controller, Buffer.from(text));
    expect(abort).toHaveBeenCalledWith(expect.objectContaining({ code: 'ANSWER_TOO_LARGE' }));
    await expect(answer).rejects.toMatchObject({ code: 'ANSWER_TOO_LARGE', wasSent: true });
  });
});
