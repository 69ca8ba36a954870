import { Inject, Injectable, Optional, type OnModuleDestroy } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { RenewalPlan, type MerchantContext } from './context/index.js';

/** The name of our one job in the application's registry. */
const JOB = 'wechatpay:renewal';

/**
 * Renews platform certificates on time. The one job stands in the application's `SchedulerRegistry`
 * when it has one, as the timeout `wechatpay:renewal`, so that it can see it, and stop it for good; a
 * timer of our own does the work otherwise. Nothing keeps the process alive.
 *
 * @internal
 */
@Injectable()
export class RenewalScheduler implements OnModuleDestroy {
  private readonly plan: RenewalPlan;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    @Optional()
    @Inject(SchedulerRegistry)
    private readonly registry: SchedulerRegistry | undefined,
  ) {
    this.plan = new RenewalPlan({
      timer: {
        plan: (run, delayMs) => this.planJob(run, delayMs),
        cancel: () => this.cancelJob(),
      },
      clock: () => Date.now(),
      random: () => Math.random(),
    });
  }

  /** Plans the renewals of a merchant. */
  start(context: MerchantContext, options?: { readonly isLazy?: boolean }): void {
    this.plan.add(context, options);
  }

  /** Ends the renewals of a merchant. */
  stop(context: MerchantContext): void {
    this.plan.remove(context);
  }

  onModuleDestroy(): void {
    this.plan.close();
  }

  private planJob(run: () => void, delayMs: number): void {
    // The application has taken the job out: it stays out.
    if (this.timer && this.registry?.doesExist('timeout', JOB) === false) this.isStopped = true;
    if (this.isStopped) return;
    this.cancelJob();
    this.timer = setTimeout(() => {
      this.cancelJob();
      run();
    }, delayMs);
    this.timer.unref();
    this.registry?.addTimeout(JOB, this.timer);
  }

  private cancelJob(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.registry?.doesExist('timeout', JOB)) this.registry.deleteTimeout(JOB);
  }
}
