import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayStoreError, type InboxClaim, type NotificationInbox } from 'nestjs-wechatpay';
import { until } from '../support/servers.js';

/** An inbox's surroundings, as the suite needs them. */
export interface InboxBackend {
  /** An inbox over the same data with a connection of its own, as another process has it. */
  open(): NotificationInbox;
  /** Takes an inbox away from its data, as the death of its process does. */
  crash?(inbox: NotificationInbox): void;
  /** Ends the inboxes that were opened, and removes all data. */
  reset(): Promise<void>;
  close(): Promise<void>;
  /** Resolves when so much time has passed for the inbox. */
  pass(ms: number): Promise<void>;
  /** How long an event stays with who has gone, and with who never ends. */
  readonly times: { readonly leaseMs: number; readonly longestRunMs: number };
  /** Another instance sees what this one claimed. Not so in memory. */
  readonly isShared: boolean;
  /** What breaks its server; missing where there is none. */
  readonly faults?: {
    kill(): Promise<void>;
    restart(): Promise<void>;
    freeze(): Promise<void>;
    thaw(): void;
  };
}

type Claimed = Extract<InboxClaim, { readonly state: 'claimed' }>;

export const KEY = 'TRANSACTION.SUCCESS:1900000001::order-0001~Orders.credit';

/** A claim that must succeed. */
export async function claimed(inbox: NotificationInbox, key: string = KEY): Promise<Claimed> {
  const claim = await inbox.claim(key);
  if (claim.state !== 'claimed') throw new Error(`it is ${claim.state}`);
  return claim;
}

export async function stateOf(inbox: NotificationInbox, key: string = KEY): Promise<string> {
  return (await inbox.claim(key)).state;
}

/** The contract of an inbox, held against one backend. */
export function describeNotificationInbox(start: () => Promise<InboxBackend>): void {
  let backend: InboxBackend;
  let inbox: NotificationInbox;
  let other: NotificationInbox;

  beforeAll(async () => {
    backend = await start();
  }, 30_000);
  afterAll(async () => {
    await backend?.close();
  }, 30_000);
  beforeEach(() => {
    inbox = backend.open();
    other = backend.isShared ? backend.open() : inbox;
  });
  afterEach(() => backend.reset(), 30_000);

  it('gives an event to one, says that it runs, and that it is done', async () => {
    const claim = await claimed(inbox);
    await expect(stateOf(inbox)).resolves.toBe('running');
    await expect(stateOf(other)).resolves.toBe('running');
    await claim.done();
    await expect(stateOf(inbox)).resolves.toBe('done');
    await expect(stateOf(other)).resolves.toBe('done');
  });

  it('gives an event that was released to whoever comes next', async () => {
    await (await claimed(inbox)).release();
    const second = await claimed(other);
    await expect(stateOf(inbox)).resolves.toBe('running');
    await second.release();
    await (await claimed(inbox)).done();
    await expect(stateOf(other)).resolves.toBe('done');
  });

  it('does not mind being told twice, and keeps what is done', async () => {
    const claim = await claimed(inbox);
    await claim.done();
    await claim.done();
    await claim.release();
    await expect(stateOf(other)).resolves.toBe('done');
    const failed = await claimed(inbox, 'failed');
    await failed.release();
    const next = await claimed(other, 'failed');
    await failed.release();
    await expect(stateOf(inbox, 'failed')).resolves.toBe('running');
    await next.release();
  });

  it('gives an event that a hundred ask for at once to one of them', async () => {
    const inboxes = [inbox, other, ...(backend.isShared ? [backend.open()] : [])];
    const states = await Promise.all(
      Array.from({ length: 100 }, (_, at) => stateOf(inboxes[at % inboxes.length] ?? inbox)),
    );
    expect(states.filter((state) => state === 'claimed')).toHaveLength(1);
    expect(states.filter((state) => state === 'running')).toHaveLength(99);
  });

  it('keeps events apart, whatever their keys are made of', async () => {
    const keys = [
      ...['a', 'A', 'a:', ':a', 'done', 'running', '0', '-', '*', '?', '[a]', '{a}', '{a}b', '{}'],
      ...['__proto__', 'constructor', 'a~b', 'a~b~', '"', "'", '\\', '\\n', '%00', '$1', 'KEYS[1]'],
      ...['x'.repeat(800), `${'x'.repeat(799)}y`],
    ];
    for (const key of keys) {
      const claim = await claimed(inbox, key);
      await expect(stateOf(other, key)).resolves.toBe('running');
      await claim.done();
    }
    for (const key of keys) await expect(stateOf(other, key)).resolves.toBe('done');
    await expect(stateOf(other, 'b')).resolves.toBe('claimed');
  });

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['words', 'a b'],
    ['a line feed', 'a\n'],
    ['a zero', '\u0000'],
    ['a letter that is not ASCII', 'é'],
    ['Chinese', '订单'],
    ['801 characters', 'x'.repeat(801)],
    ['a million characters', 'x'.repeat(1e6)],
  ])('refuses a key of %s', async (_, key) => {
    const asking = async (): Promise<unknown> => inbox.claim(key);
    await expect(asking()).rejects.toThrow(RangeError);
  });

  it('takes an event from a handler that never ends, and believes it when it ends after all', async () => {
    const endless = await claimed(inbox);
    const failing = await claimed(inbox, 'failing');
    await backend.pass(backend.times.longestRunMs + backend.times.leaseMs);
    await until('it is free', async () => (await stateOf(other)) === 'claimed', 5_000);
    const next = await claimed(other, 'failing');
    await failing.release();
    await expect(stateOf(inbox, 'failing')).resolves.toBe('running');
    await failing.done();
    await next.release();
    await expect(stateOf(other, 'failing')).resolves.toBe('done');
    await endless.done();
    await expect(stateOf(other)).resolves.toBe('done');
  }, 30_000);

  it('keeps the event of a handler that runs for longer than a lease', async () => {
    const claim = await claimed(inbox);
    const end = performance.now() + 2.5 * backend.times.leaseMs;
    await until(
      'leases have passed',
      async () => {
        expect(await stateOf(other)).toBe('running');
        return performance.now() > end || !backend.isShared;
      },
      20_000,
    );
    await claim.release();
    await expect(stateOf(other)).resolves.toBe('claimed');
  }, 30_000);

  it('frees the event of a process that died, when its lease ends', async () => {
    if (!backend.crash) return; // what is in memory dies with its process
    await claimed(inbox);
    backend.crash(inbox);
    await expect(stateOf(other)).resolves.toBe('running');
    await until('the lease ends', async () => (await stateOf(other)) === 'claimed', 5_000);
  });

  describe('when its server fails', () => {
    const withFaults =
      (body: (faults: NonNullable<InboxBackend['faults']>) => Promise<void>) => async () => {
        if (backend.faults) await body(backend.faults);
      };
    /** Whatever is asked fails, each within the two seconds that the library waits. */
    const expectRefusals = async (running: Claimed): Promise<void> => {
      const started = performance.now();
      const calls = [inbox.claim(KEY), inbox.claim('new'), running.done(), running.release()];
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected' });
        const { reason } = call as PromiseRejectedResult;
        expect(reason).toBeInstanceOf(WechatPayStoreError);
        expect(reason).toMatchObject({ code: 'STORE_FAILED', isRetryable: true });
      }
      expect(performance.now() - started).toBeLessThan(3_000);
    };
    /** Answers come again without help; what was done is still done. */
    const expectRecovery = async (): Promise<void> => {
      const answers = (asked: NotificationInbox) => () =>
        stateOf(asked, 'finished').then(
          (state) => state === 'done',
          () => false,
        );
      await until('it answers again', answers(inbox), 15_000);
      await until('the other answers again', answers(other), 15_000);
      await until(
        'what nobody holds is free',
        async () => (await stateOf(inbox, 'new')) === 'claimed',
        10_000,
      );
    };

    it.each(['down', 'frozen'])(
      'fails within its bound while it is %s, and goes on when it is back',
      async (how) =>
        withFaults(async (faults) => {
          await (await claimed(other, 'finished')).done();
          const running = await claimed(inbox, 'interrupted');
          await (how === 'down' ? faults.kill() : faults.freeze());
          try {
            await expectRefusals(running);
            const many = Array.from({ length: 3_000 }, (_, at) => inbox.claim(`many-${at}`));
            const settled = await Promise.allSettled(many);
            expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
          } finally {
            await (how === 'down' ? faults.restart() : faults.thaw());
          }
          await expectRecovery();
        })(),
      60_000,
    );
  });
}
