import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { MerchantContext } from '../../lib/context/index.js';
import { WechatPayCertificateError, WechatPayDecryptionError } from '../../lib/errors/index.js';
import { KeyEvents, type KeyEventDetail } from '../../lib/events/index.js';
import { logKeyEvents } from '../../lib/key-event.logger.js';
import { RecordingLogger } from '../support/recording-logger.js';

const MCHID = '1900009191';
const several = new WechatPayCertificateError(
  'CREDENTIAL_UNAVAILABLE',
  'unusable:\n  - one\r\n  - two',
);
const unavailable = new WechatPayCertificateError('CREDENTIAL_UNAVAILABLE', 'no such file');
const notAfterMs = Date.UTC(2030, 0, 2);

/** Every event, with the level and the beginning of its line. */
const LINES: readonly [KeyEventDetail, level: string, line: string][] = [
  [{ type: 'loaded', serial: '0A' }, 'log', 'loaded serial=0A mchid='],
  [
    { type: 'rotated', serial: '0B', previousSerial: '0A', hasNewApiV3Key: true },
    'log',
    'rotated serial=0B previous=0A mchid=1900009191: the merchant credential was replaced, its APIv3',
  ],
  [
    { type: 'rotated', serial: '0B', previousSerial: '0A', hasNewApiV3Key: false },
    'log',
    'rotated serial=0B previous=0A mchid=1900009191: the merchant credential was replaced WechatPay',
  ],
  [
    { type: 'renewed', source: 'store', added: ['0C', '0D'], dropped: [] },
    'log',
    'renewed source=store added=0C,0D mchid=',
  ],
  [{ type: 'left-out', serials: ['0C', '0D'] }, 'warn', 'left-out serials=0C,0D mchid='],
  [
    { type: 'refused', what: 'credential', error: unavailable },
    'error',
    'refused what=credential code=CREDENTIAL_UNAVAILABLE mchid=1900009191: what was in force stays: no such file',
  ],
  [
    { type: 'refused', what: 'credential', error: several },
    'error',
    'refused what=credential code=CREDENTIAL_UNAVAILABLE mchid=1900009191: what was in force stays: unusable: one | two',
  ],
  [
    { type: 'refused', what: 'store-entry', error: unavailable },
    'warn',
    'refused what=store-entry code=',
  ],
  [
    { type: 'expiring', owner: 'merchant', serial: '0A', notAfterMs },
    'warn',
    'expiring owner=merchant serial=0A until=2030-01-02T00:00:00.000Z mchid=1900009191: apply for a new merchant certificate',
  ],
  [
    { type: 'expired', owner: 'platform', serial: '0C', notAfterMs },
    'error',
    'expired owner=platform serial=0C until=2030-01-02T00:00:00.000Z mchid=1900009191: the platform has not listed a newer',
  ],
  [
    { type: 'refresh-failed', error: unavailable, failures: 2 },
    'warn',
    'refresh-failed failures=2 code=CREDENTIAL_UNAVAILABLE mchid=',
  ],
  [
    { type: 'refresh-failed', error: new WechatPayDecryptionError('wrong key'), failures: 1 },
    'error',
    'refresh-failed failures=1 code=DECRYPTION_FAILED mchid=',
  ],
  [{ type: 'no-certificates' }, 'log', 'no-certificates mchid='],
  [{ type: 'distrusted', serial: '0C' }, 'warn', 'distrusted serial=0C mchid='],
  [
    { type: 'api-v3-key-wrong' },
    'error',
    'api-v3-key-wrong mchid=1900009191: a genuine notification does not decrypt: credential.apiV3Key is not the APIv3 key',
  ],
  [{ type: 'previous-api-v3-key-used' }, 'warn', 'previous-api-v3-key-used mchid='],
  [{ type: 'previous-private-key-used' }, 'warn', 'previous-private-key-used mchid='],
  [{ type: 'store-lost', error: unavailable }, 'warn', 'store-lost code=CREDENTIAL_UNAVAILABLE'],
  [{ type: 'store-back' }, 'log', 'store-back mchid='],
];

describe('the log of what happens to keys', () => {
  let logger: RecordingLogger;
  let keyEvents: KeyEvents;

  beforeEach(() => {
    logger = new RecordingLogger();
    Logger.overrideLogger(logger);
    keyEvents = new KeyEvents(MCHID, () => 0);
  });
  afterEach(() => {
    keyEvents.close();
    Logger.overrideLogger(false);
  });
  const start = () => logKeyEvents({ name: 'shop-b', keyEvents } as unknown as MerchantContext);

  it.each(LINES)('has one line for %j', (event, level, line) => {
    start();
    keyEvents.publish(event);
    expect(logger.lines).toEqual([{ level, text: expect.stringContaining(line) }]);
    const [{ text = '' } = {}] = logger.lines;
    expect(text).toMatch(new RegExp(`^${event.type} .*mchid=${MCHID}: .+ WechatPay:shop-b$`));
  });

  it('ends with its subscription', () => {
    start().unsubscribe();
    keyEvents.publish({ type: 'store-back' });
    expect(logger.lines).toEqual([]);
  });
});
