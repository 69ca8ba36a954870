import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { OBSERVED_MERCHANTS, type ObservedMerchants } from '../../diagnostics/index.js';
import { TOKEN_PREFIX } from '../../version.js';
import { instrumentWechatPay, type InstrumentWechatPayOptions } from './instrument.js';

/**
 * Providers of the application that are not the global ones.
 *
 * @publicApi
 */
export type WechatPayOpenTelemetryOptions = Omit<InstrumentWechatPayOptions, 'merchants'>;

const OPTIONS = `${TOKEN_PREFIX}:opentelemetry-options`;

/** Instruments while the application runs. */
@Injectable()
class Instrumentation implements OnModuleInit, OnApplicationShutdown {
  private end: (() => void) | undefined;

  constructor(
    @Inject(OBSERVED_MERCHANTS) private readonly merchants: ObservedMerchants,
    @Inject(OPTIONS) private readonly options: WechatPayOpenTelemetryOptions,
  ) {}

  onModuleInit(): void {
    this.end = instrumentWechatPay({ ...this.options, merchants: this.merchants });
  }

  onApplicationShutdown(): void {
    this.end?.();
  }
}

/**
 * Spans, metrics and trace ids in the log, for all merchants of the application, from its start to its
 * end: `imports: [WechatPayOpenTelemetryModule.forRoot()]`. The OpenTelemetry SDK is the application's, and
 * is started before Nest.
 *
 * @publicApi
 */
@Module({})
export class WechatPayOpenTelemetryModule {
  /** Without options, with the providers that the SDK has registered. */
  static forRoot(options: WechatPayOpenTelemetryOptions = {}): DynamicModule {
    return {
      module: WechatPayOpenTelemetryModule,
      providers: [{ provide: OPTIONS, useValue: options }, Instrumentation],
    };
  }
}
