import { resolve } from 'node:path';
import {
  BadRequestException,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  UseGuards,
} from '@nestjs/common';
import { faultKinds, type EmulatorFault } from '../faults/fault.js';
import { FaultRegistry } from '../faults/fault-registry.js';
import type { EmulatorMerchantCertificate } from '../keys/merchants.js';
import { Notifier } from '../notifications/notifier.js';
import type { EmulatorOrderReference } from '../orders/order.service.js';
import type { JsonObject } from '../validation/shape-validator.js';
import { ControlBody, optionalChoice, optionalNumber, optionalText } from './control-body.js';
import { ControlGuard } from './control.guard.js';
import { ControlService } from './control.service.js';

/** Many events in one request. */
const notifyLimit = 16 * 1024 * 1024;

/** What a developer or a test does to the platform, over HTTP. @internal */
@Controller('emulator')
@UseGuards(ControlGuard)
export class ControlController {
  constructor(
    private readonly control: ControlService,
    private readonly faults: FaultRegistry,
    private readonly notifier: Notifier,
  ) {}

  @Post('orders/:outTradeNo/pay')
  @HttpCode(200)
  payOrder(@Param('outTradeNo') outTradeNo: string, @ControlBody() body: JsonObject): object {
    const mchid = optionalText(body, 'mchid');
    return this.control.pay({ outTradeNo, ...(mchid !== undefined && { mchid }) });
  }

  @Post('pay')
  @HttpCode(200)
  pay(@ControlBody() body: JsonObject): object {
    return this.control.pay(readReference(body));
  }

  @Post('refunds/:outRefundNo/finish')
  @HttpCode(200)
  finishRefund(@Param('outRefundNo') outRefundNo: string, @ControlBody() body: JsonObject): object {
    const outcome = optionalChoice(body, 'status', ['SUCCESS', 'ABNORMAL', 'CLOSED']) ?? 'SUCCESS';
    return this.control.finishRefund(outRefundNo, outcome, optionalText(body, 'mchid'));
  }

  @Post('certificates/rotate')
  @HttpCode(200)
  rotate(@ControlBody() body: JsonObject): Promise<object> {
    const phase = optionalChoice(body, 'phase', ['add', 'activate', 'remove', 'all']);
    return this.control.rotate(phase);
  }

  @Get('certificates')
  keys(): object {
    return this.control.keys();
  }

  @Post('merchants/:mchid/certificates')
  @HttpCode(201)
  async addMerchantCertificate(@Param('mchid') mchid: string): Promise<object> {
    return withoutKey(await this.control.addMerchantCertificate(mchid));
  }

  @Get('merchants/:mchid/certificates')
  merchantCertificates(@Param('mchid') mchid: string): object {
    return { certificates: this.control.merchantCertificates(mchid).map(withoutKey) };
  }

  @Delete('merchants/:mchid/certificates/:serial')
  removeMerchantCertificate(
    @Param('mchid') mchid: string,
    @Param('serial') serial: string,
  ): object {
    this.control.removeMerchantCertificate(mchid, serial);
    return this.merchantCertificates(mchid);
  }

  @Post('faults')
  @HttpCode(201)
  addFault(@ControlBody() body: JsonObject): object {
    this.control.addFault(readFault(body));
    return { faults: this.faults.list() };
  }

  @Get('faults')
  listFaults(): object {
    return { faults: this.faults.list() };
  }

  @Delete('faults')
  clearFaults(): object {
    this.faults.clear();
    return { faults: [] };
  }

  @Get('notifications')
  @Header('Cache-Control', 'no-store')
  notifications(@Query('state') state?: string): object {
    const all = this.notifier.list();
    return { notifications: state === undefined ? all : all.filter((one) => one.state === state) };
  }

  @Post('notifications')
  @HttpCode(200)
  async notify(@ControlBody(notifyLimit) body: JsonObject): Promise<object> {
    return { notifications: await this.control.notify(body) };
  }

  @Post('notifications/:id/resend')
  @HttpCode(200)
  async resend(@Param('id') id: string): Promise<object> {
    await this.notifier.resend(id);
    return this.notifier.list().find((one) => one.id === id) ?? {};
  }

  @Post('clock')
  @HttpCode(200)
  clock(@ControlBody() body: JsonObject): object {
    const offsetMs = optionalNumber(body, 'offsetMs');
    const advanceMs = optionalNumber(body, 'advanceMs');
    return this.control.moveClock({
      ...(offsetMs !== undefined && { offsetMs }),
      ...(advanceMs !== undefined && { advanceMs }),
    });
  }
}

/** The key stays in its file, which its owner alone can read. */
function withoutKey(certificate: EmulatorMerchantCertificate): object {
  const { serial, privateKeyPath, certificatePath } = certificate;
  return {
    serial,
    privateKeyPath: resolve(privateKeyPath),
    certificatePath: resolve(certificatePath),
  };
}

function readReference(body: JsonObject): EmulatorOrderReference {
  const codeUrl = optionalText(body, 'code_url');
  if (codeUrl !== undefined) return { codeUrl };
  const prepayId = optionalText(body, 'prepay_id');
  if (prepayId !== undefined) return { prepayId };
  const outTradeNo = optionalText(body, 'out_trade_no');
  const mchid = optionalText(body, 'mchid');
  if (outTradeNo !== undefined) return { outTradeNo, ...(mchid !== undefined && { mchid }) };
  throw new BadRequestException('the body must have code_url, prepay_id or out_trade_no');
}

const texts = ['match', 'location', 'body', 'contentType', 'serial'] as const;
const numbers = ['times', 'delayMs', 'bytes', 'status'] as const;

function readFault(body: JsonObject): EmulatorFault {
  const kind = optionalChoice(body, 'kind', faultKinds);
  if (kind === undefined) throw new BadRequestException(`kind: ${faultKinds.join(', ')}`);
  const { signed } = body;
  if (signed !== undefined && typeof signed !== 'boolean') {
    throw new BadRequestException('signed must be true or false');
  }
  const given: [string, unknown][] = [
    ...texts.map((name): [string, unknown] => [name, optionalText(body, name)]),
    ...numbers.map((name): [string, unknown] => [name, optionalNumber(body, name)]),
    ['signed', signed],
  ];
  return { kind, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
}
