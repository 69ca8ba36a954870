import type { ServerResponse } from 'node:http';
import {
  Catch,
  HttpException,
  Logger,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { PlatformError } from '../platform/platform-error.js';

/** Errors of the control interface and of unknown paths: `{ code, message }`. @internal */
@Catch()
export class ControlFilter implements ExceptionFilter {
  private readonly logger = new Logger('WechatPayEmulator');

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<ServerResponse>();
    const { status, code, message } = this.describe(error);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
      ...(status === 413 && { Connection: 'close' }),
    });
    response.end(JSON.stringify({ code, message }));
  }

  private describe(error: unknown): { status: number; code: string; message: string } {
    if (error instanceof PlatformError) return error;
    if (error instanceof TypeError || error instanceof RangeError) {
      return { status: 400, code: 'BAD_REQUEST', message: error.message };
    }
    if (error instanceof HttpException) {
      const code = error.getStatus() === 404 ? 'NOT_FOUND' : 'REFUSED';
      return { status: error.getStatus(), code, message: error.message };
    }
    const status = clientStatus(error);
    if (status !== undefined)
      return { status, code: 'REFUSED', message: 'the request is malformed' };
    this.logger.error(error);
    return { status: 500, code: 'INTERNAL', message: 'the emulator failed; see its log' };
  }
}

/** The status that the framework's router puts on its own errors, such as a bad escape in a path. */
function clientStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
