import { Logger } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { withTrace } from './diagnostics/index.js';
import type { KeyEvent } from './events/index.js';
import type { MerchantContext } from './context/index.js';

type Level = 'error' | 'warn' | 'log';

/**
 * Writes what happens to a merchant's keys to Nest's log: one line an event, its type first, then its
 * facts as `name=value`, then words for people. The core itself logs nothing.
 */
export function logKeyEvents(context: MerchantContext): Subscription {
  const logger = new Logger(`WechatPay:${context.name}`);
  return context.keyEvents.events$.subscribe((event) => {
    const { level, facts = {}, words } = describe(event);
    const listed = Object.entries(facts)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => ` ${name}=${String(value)}`);
    const line = oneLine(words);
    logger[level](withTrace(`${event.type}${listed.join('')} mchid=${event.mchid}: ${line}`));
  });
}

/** A list of problems comes over several lines. */
function oneLine(words: string): string {
  const [title = '', ...problems] = words.split(/\s*[\r\n]+\s*(?:- )?/);
  return problems.length === 0 ? title : `${title} ${problems.join(' | ')}`;
}

interface Description {
  readonly level: Level;
  readonly facts?: Readonly<Record<string, string | number | undefined>>;
  readonly words: string;
}

function describe(event: KeyEvent): Description {
  switch (event.type) {
    case 'loaded':
      return {
        level: 'log',
        facts: { serial: event.serial },
        words: 'the merchant credential is in force',
      };
    case 'rotated':
      return {
        level: 'log',
        facts: { serial: event.serial, previous: event.previousSerial },
        words: event.hasNewApiV3Key
          ? 'the merchant credential was replaced, its APIv3 key (APIv3密钥) too'
          : 'the merchant credential was replaced',
      };
    case 'renewed':
      return {
        level: 'log',
        facts: {
          source: event.source,
          added: event.added.join(','),
          dropped: event.dropped.join(','),
        },
        words: 'a list of platform certificates is in force',
      };
    case 'left-out':
      return {
        level: 'warn',
        facts: { serials: event.serials.join(',') },
        words: 'no longer listed by the platform; accepted for the grace time',
      };
    case 'refused':
      return {
        level: event.what === 'credential' ? 'error' : 'warn',
        facts: { what: event.what, code: event.error.code },
        words: `what was in force stays: ${event.error.message}`,
      };
    case 'expiring':
    case 'expired':
      return {
        level: event.type === 'expired' ? 'error' : 'warn',
        facts: {
          owner: event.owner,
          serial: event.serial,
          until: new Date(event.notAfterMs).toISOString(),
        },
        words:
          event.owner === 'merchant'
            ? 'apply for a new merchant certificate (账户中心 → API安全 → 商户API证书) and replace key and certificate together'
            : 'the platform has not listed a newer certificate yet; see whether renewals succeed',
      };
    case 'refresh-failed':
      return {
        // Only a human can correct a wrong APIv3 key; an unreachable platform comes back by itself.
        level: event.error.code === 'DECRYPTION_FAILED' ? 'error' : 'warn',
        facts: { failures: event.failures, code: event.error.code },
        words: `the keys held before stay in use: ${event.error.message}`,
      };
    case 'no-certificates':
      return {
        level: 'log',
        words: 'this merchant has no platform certificates: the public key verifies',
      };
    case 'distrusted':
      return {
        level: 'warn',
        facts: { serial: event.serial },
        words: 'no longer accepted, by decision of the application',
      };
    case 'api-v3-key-wrong':
      return {
        level: 'error',
        words:
          'a genuine notification does not decrypt: credential.apiV3Key is not the APIv3 key (APIv3密钥) of the merchant platform',
      };
    case 'previous-api-v3-key-used':
      return {
        level: 'warn',
        words: 'something was encrypted with a previous APIv3 key (APIv3密钥)',
      };
    case 'previous-private-key-used':
      return {
        level: 'warn',
        words:
          'a field of an answer was encrypted for a previous merchant certificate (商户API证书)',
      };
    case 'store-lost':
      return {
        level: 'warn',
        facts: { code: event.error.code },
        words: `everything goes on from memory: ${event.error.message}`,
      };
    case 'store-back':
      return { level: 'log', words: 'the certificate store answers again' };
  }
}
