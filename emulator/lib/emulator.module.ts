import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Authenticator } from './auth/authenticator.js';
import { ControlController } from './control/control.controller.js';
import { ControlFilter } from './control/control.filter.js';
import { ControlGuard } from './control/control.guard.js';
import { ControlService } from './control/control.service.js';
import { FaultRegistry } from './faults/fault-registry.js';
import { MerchantRegistry } from './keys/merchants.js';
import { PlatformKeys } from './keys/platform-keys.js';
import { Notifier } from './notifications/notifier.js';
import { OrderService } from './orders/order.service.js';
import { FrontDoorController, PayerController } from './payer/payer.controller.js';
import { AnswerWriter } from './platform/answer-writer.js';
import { OperationTable } from './platform/operation.js';
import { EmulatorAddress } from './platform/address.js';
import type { EmulatorParts } from './platform/parts.js';
import { PlatformMiddleware } from './platform/platform.middleware.js';

/** One emulator as a Nest module. @internal */
@Module({})
export class EmulatorModule {
  static forParts(parts: EmulatorParts): DynamicModule {
    return {
      module: EmulatorModule,
      controllers: [FrontDoorController, ControlController, PayerController],
      providers: [
        { provide: APP_FILTER, useClass: ControlFilter },
        ControlGuard,
        PlatformMiddleware,
        { provide: ControlService, useValue: new ControlService(parts) },
        { provide: EmulatorAddress, useValue: parts.address },
        { provide: OperationTable, useValue: parts.operations },
        { provide: Authenticator, useValue: parts.authenticator },
        { provide: PlatformKeys, useValue: parts.keys },
        { provide: MerchantRegistry, useValue: parts.merchants },
        { provide: FaultRegistry, useValue: parts.faults },
        { provide: AnswerWriter, useValue: parts.answers },
        { provide: Notifier, useValue: parts.notifier },
        { provide: OrderService, useValue: parts.orders },
      ],
    };
  }
}
