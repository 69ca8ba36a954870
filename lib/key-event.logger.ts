import { Logger } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import type { KeyEvent } from './certificates/index.js';
import type { MerchantContext } from './context/index.js';

/** Writes what happens to a merchant's keys to Nest's log; the core itself logs nothing. */
export function logKeyEvents(context: MerchantContext): Subscription {
  const logger = new Logger(`WechatPay:${context.name}`);
  return context.certificates.keyEvents$.subscribe((event) => write(logger, event));
}

function write(logger: Logger, event: KeyEvent): void {
  switch (event.type) {
    case 'refreshed':
      if (event.added.length > 0) {
        logger.log(
          `Platform certificates in force (from ${event.source}): + ${event.added.join(', ')}`,
        );
      }
      if (event.leftOut.length > 0) {
        logger.warn(`No longer listed by the platform: ${event.leftOut.join(', ')}`);
      }
      if (event.dropped.length > 0) logger.log(`No longer accepted: ${event.dropped.join(', ')}`);
      return;
    case 'refresh-failed': {
      const text = `Platform certificates not loaded (${event.failures} in a row); keys held before stay in use: ${event.error.message}`;
      // Only a human can correct a wrong APIv3 key; an unreachable platform comes back by itself.
      if (event.error.code === 'DECRYPTION_FAILED') logger.error(text);
      else logger.warn(text);
      return;
    }
    case 'no-certificates':
      logger.log('This merchant has no platform certificates: the public key verifies');
      return;
    case 'distrusted':
      logger.warn(`Distrusted by the application: ${event.serial}`);
      return;
    case 'api-v3-key-wrong':
      return; // the guard that met it has said so
    case 'previous-api-v3-key-used':
      logger.warn('Something was encrypted with a previous APIv3 key (APIv3密钥)');
      return;
    case 'store-failed':
      logger.warn(`Certificate store: ${event.error.message}`);
  }
}
