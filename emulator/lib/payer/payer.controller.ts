import type { IncomingMessage } from 'node:http';
import {
  Controller,
  Get,
  Header,
  NotFoundException,
  Query,
  Redirect,
  Req,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import QRCode from 'qrcode';
import { controlEndpoints } from '../control/control.endpoints.js';
import { ControlGuard } from '../control/control.guard.js';
import { ControlService } from '../control/control.service.js';
import { MerchantRegistry } from '../keys/merchants.js';
import { PlatformKeys } from '../keys/platform-keys.js';
import { Notifier } from '../notifications/notifier.js';
import { OrderService, type EmulatorOrderReference } from '../orders/order.service.js';
import type { Order } from '../orders/order.js';
import { EmulatorAddress } from '../platform/address.js';
import { PlatformError } from '../platform/platform-error.js';
import { payerScript, styleSheet } from './assets.js';
import { indexPage } from './index-page.js';
import { PageHeadersInterceptor } from './page-headers.interceptor.js';
import { payerPage } from './payer-page.js';
import { chooseLanguage } from './texts.js';

type PageQuery = Readonly<Record<string, unknown>>;

const shownOrders = 50;

/** Whoever opens the bare address wants the start page. @internal */
@Controller()
export class FrontDoorController {
  @Get()
  @Redirect('/emulator/')
  open(): void {
    // the redirect says it all
  }
}

/** The pages for people: pay an order, look around. @internal */
@Controller('emulator')
@UseGuards(ControlGuard)
@UseInterceptors(PageHeadersInterceptor)
export class PayerController {
  constructor(
    private readonly orders: OrderService,
    private readonly merchants: MerchantRegistry,
    private readonly notifier: Notifier,
    private readonly keys: PlatformKeys,
    private readonly control: ControlService,
    private readonly address: EmulatorAddress,
  ) {}

  @Get()
  index(@Req() request: IncomingMessage, @Query() query: PageQuery): string | object {
    const { accept = '', 'accept-language': wanted } = request.headers;
    const { mode } = this.keys;
    const { url } = this.address;
    if (!accept.includes('text/html')) {
      const endpoints = controlEndpoints.map(({ request: line, en }) => ({
        request: line,
        does: en,
      }));
      const merchants = this.merchants
        .list()
        .map(({ mchid, appids, serial }) => ({ mchid, appids, serial }));
      return { url, mode, merchants, keys: this.control.keys(), endpoints };
    }
    return indexPage({
      language: chooseLanguage(query['lang'], wanted),
      url,
      mode,
      merchants: this.merchants.list(),
      keys: this.control.keys(),
      orders: this.orders.recent(shownOrders),
      notifications: this.notifier.list().slice(-shownOrders).reverse(),
    });
  }

  @Get('payer')
  @Header('Content-Type', 'text/html; charset=utf-8')
  payer(@Req() request: IncomingMessage, @Query() query: PageQuery): string {
    const language = chooseLanguage(query['lang'], request.headers['accept-language']);
    const reference = readReference(query);
    const order = reference && this.resolve(reference);
    const others = new URLSearchParams({ ...reference, lang: language === 'zh' ? 'en' : 'zh' });
    const back = readBackUrl(query['redirect_url']);
    if (back !== undefined) others.set('redirect_url', back);
    return payerPage({
      language,
      otherUrl: `/emulator/payer?${others.toString()}`,
      order,
      merchant: order && this.merchants.find(order.owner.mchid),
      reference: reference ?? {},
      isExpired: order !== undefined && !this.orders.isPayable(order),
      backUrl: back,
    });
  }

  @Get('qr')
  @Header('Content-Type', 'image/svg+xml')
  async qr(@Query('text') text: unknown): Promise<string> {
    const isOurs =
      typeof text === 'string' &&
      text.length <= 1024 &&
      (text.startsWith('weixin://') || text.startsWith(`${this.address.url}/emulator/payer?`));
    if (!isOurs) throw new NotFoundException('only a code_url or a payer page of this emulator');
    return QRCode.toString(text, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' });
  }

  @Get('assets/style.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  style(): string {
    return styleSheet;
  }

  @Get('assets/payer.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return payerScript;
  }

  private resolve(reference: PageReference): Order | undefined {
    const target: EmulatorOrderReference =
      'code_url' in reference ? { codeUrl: reference.code_url } : { prepayId: reference.prepay_id };
    try {
      return this.orders.resolve(target);
    } catch (error) {
      if (error instanceof PlatformError) return undefined;
      throw error;
    }
  }
}

type PageReference = { readonly code_url: string } | { readonly prepay_id: string };

function readReference({
  code_url: code,
  prepay_id: prepay,
}: PageQuery): PageReference | undefined {
  if (typeof code === 'string') return { code_url: code };
  return typeof prepay === 'string' ? { prepay_id: prepay } : undefined;
}

/** Only a web address: no script, no file. */
function readBackUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { protocol, href } = new URL(value);
  return protocol === 'http:' || protocol === 'https:' ? href : undefined;
}
