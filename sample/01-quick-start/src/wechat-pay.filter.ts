import { type ArgumentsHost, BadGatewayException, Catch, Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { WechatPayError } from 'nestjs-wechatpay';

/** A call to WeChat Pay that failed is not the customer's fault: 502, and the reason in the log. */
@Catch(WechatPayError)
export class WechatPayFilter extends BaseExceptionFilter {
  private readonly logger = new Logger(WechatPayFilter.name);

  override catch(error: WechatPayError, host: ArgumentsHost): void {
    this.logger.error(`${error.code}: ${error.message}`);
    super.catch(new BadGatewayException(`WeChat Pay: ${error.code}`), host);
  }
}
