import { HttpException, HttpStatus } from '@nestjs/common';

/**
 * What the platform is told: the code `FAIL` makes it come back. No detail of ours is in it.
 *
 * @see Source: 微信支付 回调通知, 应答
 */
export function failBody(message: string): { readonly code: 'FAIL'; readonly message: string } {
  return { code: 'FAIL', message };
}

/** A refusal by the guard, with the body that the platform understands. */
export class NotifyException extends HttpException {
  constructor(status: HttpStatus, message: string, cause?: unknown) {
    super(failBody(message), status, { cause });
  }
}
