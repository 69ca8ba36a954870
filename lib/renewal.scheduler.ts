import { Inject, Injectable, Optional, type OnModuleDestroy } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';
import { nextRenewalMs } from './certificates/index.js';
import type { MerchantContext } from './context/index.js';

/** A planned renewal that can be taken back. */
interface Plan {
  stop(): void;
}

/**
 * Renews platform certificates on time. Jobs stand in the application's `SchedulerRegistry` when it
 * has one, as `wechatpay:renewal:<merchant>`, so that it can see and stop them; timers of our own do
 * the work otherwise. Nothing keeps the process alive.
 *
 * @internal
 */
@Injectable()
export class RenewalScheduler implements OnModuleDestroy {
  private readonly plans = new Map<string, Plan>();

  constructor(
    @Optional()
    @Inject(SchedulerRegistry)
    private readonly registry: SchedulerRegistry | undefined,
  ) {}

  /** Plans the renewals of a merchant; nothing to do for one without platform certificates. */
  start(context: MerchantContext, random: () => number, clock: () => number): void {
    if (!context.certificates.usesCertificates) return;
    const name = `wechatpay:renewal:${context.name}`;
    const { cron } = context.renewal;
    this.plans.set(
      context.name,
      cron === undefined
        ? this.everySoOften(name, context, random, clock)
        : this.onSchedule(name, cron, context),
    );
  }

  onModuleDestroy(): void {
    for (const plan of this.plans.values()) plan.stop();
    this.plans.clear();
  }

  /** A chain of single timers: each one is planned when the refresh before it is done. */
  private everySoOften(
    name: string,
    context: MerchantContext,
    random: () => number,
    clock: () => number,
  ): Plan {
    const { certificates, renewal } = context;
    let timer: NodeJS.Timeout | undefined;
    let isStopped = false;
    const forget = (): void => {
      clearTimeout(timer);
      if (this.registry?.doesExist('timeout', name)) this.registry.deleteTimeout(name);
    };
    const plan = (): void => {
      forget();
      if (isStopped) return;
      const delay = nextRenewalMs(renewal, {
        nowMs: clock(),
        failures: certificates.status.failures,
        lastExpiryMs: certificates.keyRing.newestCertificate(clock())?.notAfterMs,
        random: random(),
      });
      timer = setTimeout(() => void certificates.refresh().then(plan, plan), delay);
      timer.unref();
      this.registry?.addTimeout(name, timer);
    };
    plan();
    return {
      stop: () => {
        isStopped = true;
        forget();
      },
    };
  }

  private onSchedule(name: string, expression: string, context: MerchantContext): Plan {
    const job = CronJob.from({
      cronTime: expression,
      onTick: () => void context.certificates.refresh().catch(() => undefined),
      unrefTimeout: true,
    });
    this.registry?.addCronJob(name, job);
    job.start();
    return {
      stop: () => {
        void job.stop();
        if (this.registry?.doesExist('cron', name)) this.registry.deleteCronJob(name);
      },
    };
  }
}
