import type { IncomingMessage } from 'node:http';
import {
  ForbiddenException,
  Injectable,
  UnsupportedMediaTypeException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { EmulatorAddress } from '../platform/address.js';
import { mediaType } from '../platform/body-reader.js';

/**
 * Keeps other people's web pages out: nobody may pay or look around here because the developer
 * happens to have their page open.
 *
 * - `Host` must be this machine's loopback name and our port, which a page that has rebound its own
 *   name to 127.0.0.1 cannot send.
 * - `Origin`, where there is one, must be ours; `Sec-Fetch-Site` must not say that another site asks,
 *   except for opening one of our pages.
 * - A POST must be JSON, which no form can send across origins.
 *
 * @internal
 */
@Injectable()
export class ControlGuard implements CanActivate {
  constructor(private readonly address: EmulatorAddress) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<IncomingMessage>();
    const { host = '', origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = request.headers;
    if (!this.ownHosts().includes(host.toLowerCase())) {
      throw new ForbiddenException('Host must be the loopback address of this emulator');
    }
    if (origin !== undefined && origin !== `http://${host.toLowerCase()}`) {
      throw new ForbiddenException('Origin must be the emulator itself');
    }
    const { method } = request;
    const reads = method === 'GET' || method === 'HEAD';
    const opensPage = reads && mode === 'navigate';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !opensPage) {
      throw new ForbiddenException('another site may not ask this');
    }
    if (method === 'POST' && mediaType(request.headers['content-type']) !== 'application/json') {
      throw new UnsupportedMediaTypeException('Content-Type must be application/json');
    }
    return true;
  }

  private ownHosts(): readonly string[] {
    const { port } = this.address;
    const names = ['127.0.0.1', 'localhost', '[::1]'];
    const withPort = names.map((name) => `${name}:${port}`);
    return port === 80 ? [...withPort, ...names] : withPort;
  }
}
