import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { Injectable, type DynamicModule, type Provider } from '@nestjs/common';
import { Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { filter, firstValueFrom } from 'rxjs';
import {
  CertificateProvider,
  WechatPayModule,
  type KeyEvent,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { certificateFacts, parseCertificate } from '../../lib/crypto/index.js';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { RecordingLogger } from '../support/recording-logger.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NAME = 'wechatpay:renewal';

/** A job of the application's own. */
@Injectable()
class OwnJobs {
  ticks = 0;

  @Interval('own', 10 * MINUTE)
  tick(): void {
    this.ticks += 1;
  }
}

describe('the renewal of platform certificates', () => {
  let emulator: WechatPayEmulator;
  let dispatcher: CountingDispatcher;
  let app: TestingModule;
  let events: KeyEvent[];
  const logger = new RecordingLogger();

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ now: () => Date.now() });
  });

  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'],
    });
    dispatcher = new CountingDispatcher();
    events = [];
  });

  afterEach(async () => {
    emulator.clearFaults();
    jest.spyOn(Math, 'random').mockRestore();
    await app.close();
    jest.useRealTimers();
    await dispatcher.close();
  });

  afterAll(() => emulator.close());

  async function start(
    options: Partial<WechatPayOptions> = {},
    imports: DynamicModule[] = [],
    providers: Provider[] = [],
  ): Promise<CertificateProvider> {
    const all = { ...emulator.options(), http: { dispatcher }, ...options };
    app = await Test.createTestingModule({
      imports: [...imports, WechatPayModule.forRoot(all)],
      providers,
    })
      .setLogger(logger)
      .compile();
    await app.init();
    const certificates = app.get(CertificateProvider);
    certificates.keyEvents$.subscribe((event) => events.push(event));
    return certificates;
  }

  /** Waits until the refresh that a timer began is over, whatever came of it. */
  async function refreshed(
    certificates: CertificateProvider,
    act: () => unknown,
  ): Promise<KeyEvent> {
    const over = firstValueFrom(
      certificates.keyEvents$.pipe(
        filter(({ type }) => type === 'renewed' || type === 'refresh-failed'),
      ),
    );
    await act();
    const event = await over;
    await new Promise((resolve) => setImmediate(resolve)); // the next timer is planned
    return event;
  }

  it('waits between 6 and 10 hours, and then again', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const certificates = await start();
    await jest.advanceTimersByTimeAsync(6 * HOUR - 1);
    expect(dispatcher.downloads()).toBe(0);
    const { type } = await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
    expect(type).toBe('renewed');
    expect(certificates.keyRing.keys.map(({ id }) => id)).toContain(
      emulator.platformCertificate.serial,
    );
    jest.spyOn(Math, 'random').mockReturnValue(1);
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(6 * HOUR));
    expect(dispatcher.downloads()).toBe(2);
    await jest.advanceTimersByTimeAsync(10 * HOUR - 1);
    expect(dispatcher.downloads()).toBe(2);
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
    expect(dispatcher.downloads()).toBe(3);
  });

  it('comes a minute after a failure, later each time, and as usual after a success', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500', times: 4 });
    const certificates = await start();
    for (const wait of [8 * HOUR, MINUTE, 2 * MINUTE, 4 * MINUTE]) {
      await jest.advanceTimersByTimeAsync(wait - 1);
      const before = dispatcher.downloads();
      const { type } = await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
      expect(type).toBe('refresh-failed');
      expect(dispatcher.downloads()).toBe(before + 1);
    }
    expect(events.map((event) => (event as { failures?: number }).failures)).toEqual([1, 2, 3, 4]);
    const recovered = await refreshed(certificates, () =>
      jest.advanceTimersByTimeAsync(8 * MINUTE),
    );
    expect(recovered.type).toBe('renewed');
    expect(certificates.status).toMatchObject({ failures: 0, lastError: undefined });
    await jest.advanceTimersByTimeAsync(8 * HOUR - 1);
    expect(dispatcher.downloads()).toBe(5);
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
    expect(dispatcher.downloads()).toBe(6);
  });

  it('is hourly when the certificate expires within renewBeforeMs', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const certificates = await start({ renewal: { renewBeforeMs: 365 * 24 * HOUR } });
    const { keys } = await certificates.refresh();
    await jest.advanceTimersByTimeAsync(40_000); // it is looked at
    const expiry = Math.max(...keys.map(({ notAfterMs }) => notAfterMs).filter(Number.isFinite));
    jest.setSystemTime(expiry - 300 * 24 * HOUR);
    // The clock has jumped: at the latest after six hours the plan is made anew.
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(6 * HOUR));
    expect(dispatcher.downloads()).toBe(2);
    await jest.advanceTimersByTimeAsync(HOUR - 1);
    expect(dispatcher.downloads()).toBe(2);
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
    expect(dispatcher.downloads()).toBe(3);
  });

  it('never keeps a process alive', async () => {
    jest.useRealTimers();
    const timers = jest.spyOn(globalThis, 'setTimeout');
    await start();
    const planned = timers.mock.results.filter(
      (_, index) => (timers.mock.calls[index]?.[1] ?? 0) >= 20_000,
    );
    expect(planned).toHaveLength(1);
    const [timer] = planned.map(({ value }) => value as NodeJS.Timeout);
    expect(timer?.hasRef()).toBe(false);
    timers.mockRestore();
  });

  it('stands in the application’s registry, and a new one after each refresh', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const certificates = await start({}, [ScheduleModule.forRoot()]);
    const registry = app.get(SchedulerRegistry);
    expect(registry.getTimeouts()).toEqual([NAME]);
    const first = registry.getTimeout(NAME) as unknown;
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(6 * HOUR));
    expect(registry.getTimeouts()).toEqual([NAME]);
    expect(registry.getTimeout(NAME)).not.toBe(first);
    await app.close();
    expect(registry.getTimeouts()).toEqual([]);
  });

  it('can be stopped by the application through its registry', async () => {
    await start({}, [ScheduleModule.forRoot()]);
    app.get(SchedulerRegistry).deleteTimeout(NAME);
    await jest.advanceTimersByTimeAsync(24 * HOUR);
    expect(dispatcher.downloads()).toBe(0);
  });

  it('stays stopped, whatever is refreshed and comes in force later', async () => {
    const certificates = await start({}, [ScheduleModule.forRoot()]);
    const registry = app.get(SchedulerRegistry);
    await jest.advanceTimersByTimeAsync(MINUTE);
    registry.deleteTimeout(NAME);
    await certificates.refresh();
    expect(registry.getTimeouts()).toEqual([]);
    await jest.advanceTimersByTimeAsync(24 * HOUR);
    expect(dispatcher.downloads()).toBe(1);
  });

  it('says soon after the start that the certificate of the merchant expires', async () => {
    const { credential } = emulator.options();
    const { certificate } = credential as { certificate: string };
    const { notAfterMs } = certificateFacts(parseCertificate(certificate));
    jest.setSystemTime(notAfterMs - 29 * 24 * HOUR);
    await start();
    await jest.advanceTimersByTimeAsync(MINUTE);
    expect(events).toMatchObject([{ type: 'expiring', owner: 'merchant' }]);
    await jest.advanceTimersByTimeAsync(5 * HOUR);
    expect(events).toHaveLength(1);
  });

  it('repeats the first download a minute after it has failed', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500', times: 2 });
    const certificates = await start({ preload: true, platform: {} });
    expect(dispatcher.downloads()).toBe(1);
    await jest.advanceTimersByTimeAsync(MINUTE - 1);
    expect(dispatcher.downloads()).toBe(1);
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
    expect(dispatcher.downloads()).toBe(2);
    const { type } = await refreshed(certificates, () => jest.advanceTimersByTimeAsync(2 * MINUTE));
    expect(type).toBe('renewed');
  });

  it('leaves the application’s own jobs single', async () => {
    await start({}, [ScheduleModule.forRoot()], [OwnJobs]);
    const registry = app.get(SchedulerRegistry);
    expect(registry.getIntervals()).toEqual(['own']);
    await jest.advanceTimersByTimeAsync(30 * MINUTE);
    expect(app.get(OwnJobs).ticks).toBe(3);
  });

  it.each([true, false])('follows a cron expression (registry: %s)', async (hasRegistry) => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5); // of the half minute that keeps processes apart
    const cron = '30 17 3,9,15,21 * * *';
    const due = new Date();
    due.setDate(due.getDate() + 1);
    due.setHours(9, 17, 30, 0);
    jest.setSystemTime(due.getTime() - HOUR);
    const certificates = await start(
      { renewal: { cron } },
      hasRegistry ? [ScheduleModule.forRoot()] : [],
    );
    const registry = hasRegistry ? app.get(SchedulerRegistry) : undefined;
    if (registry) expect(registry.getTimeouts()).toEqual([NAME]);
    await jest.advanceTimersByTimeAsync(HOUR + 15_000 - 1);
    expect(dispatcher.downloads()).toBe(0);
    await refreshed(certificates, () => jest.advanceTimersByTimeAsync(1));
    expect(dispatcher.downloads()).toBe(1);
    await app.close();
    if (registry) expect(registry.getTimeouts()).toEqual([]);
    await jest.advanceTimersByTimeAsync(24 * HOUR);
    expect(dispatcher.downloads()).toBe(1);
  });

  it('by cron survives a failure', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1); // the retry would come after the next minute
    const spread = 30_000;
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500' });
    jest.setSystemTime(Math.ceil(Date.now() / MINUTE) * MINUTE);
    const certificates = await start({ renewal: { cron: '0 * * * * *' } });
    const wait = MINUTE + spread;
    const failed = await refreshed(certificates, () => jest.advanceTimersByTimeAsync(wait));
    expect(failed.type).toBe('refresh-failed');
    const next = await refreshed(certificates, () => jest.advanceTimersByTimeAsync(MINUTE));
    expect(next.type).toBe('renewed');
  });

  it.each([{}, { cron: '0 * * * * *' }])(
    'downloads nothing where only a public key verifies (%j)',
    async (renewal) => {
      const { id, key } = emulator.publicKey;
      const platform = { certificates: false, publicKey: { id, key } };
      await start({ platform, renewal }, [ScheduleModule.forRoot()]);
      await jest.advanceTimersByTimeAsync(48 * HOUR);
      expect(dispatcher.downloads()).toBe(0);
    },
  );
});
