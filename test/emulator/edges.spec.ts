import { describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  Logger,
  NotFoundException,
  type ArgumentsHost,
  type ExecutionContext,
} from '@nestjs/common';
import { EmulatorClock } from '../../emulator/lib/clock/clock.js';
import { Scheduler } from '../../emulator/lib/clock/scheduler.js';
import { ControlFilter } from '../../emulator/lib/control/control.filter.js';
import { ControlGuard } from '../../emulator/lib/control/control.guard.js';
import { openField } from '../../emulator/lib/keys/seal.js';
import { EmulatorAddress } from '../../emulator/lib/platform/address.js';
import { PlatformError } from '../../emulator/lib/platform/platform-error.js';
import { validateBody } from '../../emulator/lib/validation/shape-validator.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { encryptField } from './support/merchant.js';
import { rsaKey } from '../support/x509.js';

describe('An error of the control interface', () => {
  function caught(error: unknown, headersSent = false) {
    const logger = new RecordingLogger();
    Logger.overrideLogger(logger);
    const response = {
      headersSent,
      destroy: jest.fn(),
      writeHead: jest.fn<(status: number, headers: Record<string, string>) => void>(),
      end: jest.fn<(body: string) => void>(),
    };
    try {
      const http = { getResponse: () => response };
      new ControlFilter().catch(error, { switchToHttp: () => http } as unknown as ArgumentsHost);
    } finally {
      Logger.overrideLogger(true as never);
    }
    const [status, headers] = response.writeHead.mock.calls[0] ?? [];
    const [body = '{}'] = response.end.mock.calls[0] ?? [];
    return { response, status, headers, body: JSON.parse(body) as unknown, logger };
  }

  it.each<[string, unknown, number, string, string]>([
    [
      'of the platform',
      new PlatformError(404, 'ORDER_NOT_EXIST', 'x'),
      404,
      'ORDER_NOT_EXIST',
      'x',
    ],
    ['of a wrong argument', new RangeError('from 0'), 400, 'BAD_REQUEST', 'from 0'],
    ['of an unknown path', new NotFoundException('none'), 404, 'NOT_FOUND', 'none'],
    ['of Nest', new BadRequestException('bad'), 400, 'REFUSED', 'bad'],
    ['of the router', { status: 414 }, 414, 'REFUSED', 'the request is malformed'],
  ])('%s is told as it is, and not logged', (_, error, status, code, message) => {
    const { body, logger, ...answer } = caught(error);
    expect({ ...answer, body }).toMatchObject({ status, body: { code, message } });
    expect(logger.lines).toEqual([]);
  });

  it.each([new Error('disk full'), { status: 502 }, { status: '400' }, 'text', null, undefined])(
    'of our own is logged, and not told: %p',
    (error) => {
      const { status, body, logger } = caught(error);
      expect({ status, body }).toEqual({
        status: 500,
        body: { code: 'INTERNAL', message: 'the emulator failed; see its log' },
      });
      expect(logger.lines).toMatchObject([{ level: 'error' }]);
    },
  );

  it('ends an answer that has begun', () => {
    const { response } = caught(new Error('late'), true);
    expect(response.destroy).toHaveBeenCalledTimes(1);
    expect(response.writeHead).not.toHaveBeenCalled();
  });
});

describe('The guard of the control interface', () => {
  it.each([
    [80, 'localhost', true],
    [80, 'localhost:80', true],
    [8080, 'localhost', false],
    [8080, '[::1]:8080', true],
  ])('on port %d, takes the host %s: %s', (port, host, isOurs) => {
    const guard = new ControlGuard(Object.assign(new EmulatorAddress(), { port }));
    const request = { method: 'GET', headers: { host } };
    const context = { switchToHttp: () => ({ getRequest: () => request }) };
    const check = (): boolean => guard.canActivate(context as unknown as ExecutionContext);
    if (isOurs) expect(check()).toBe(true);
    else expect(check).toThrow(/^Host must be/);
  });
});

describe('A body', () => {
  const open = (): string => {
    throw new Error('nothing is encrypted');
  };

  it.each([[[]], ['text'], [5]])('that is no object is refused at its root: %j', (body) => {
    expect(() => validateBody('RefundCreate', body, open)).toThrow(
      expect.objectContaining({ code: 'PARAM_ERROR', message: expect.stringContaining('/ ') }),
    );
  });

  it.each(['NoSuchShape', 'Currency', 'constructor'])('has no shape %s', (shape) => {
    expect(() => validateBody(shape, {}, open)).toThrow(new TypeError(`no shape ${shape}`));
  });
});

describe('An encrypted field', () => {
  const { privateKey, publicKey } = rsaKey('platform');
  const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));

  it('opens with its key, and is nothing otherwise', () => {
    const sealed = encryptField(pem, '张三');
    expect(openField(privateKey, sealed)).toBe('张三');
    for (const text of ['张三', '', 'a b', `${sealed}!`, 'AAAA', sealed.slice(4)])
      expect(openField(privateKey, text)).toBeUndefined();
    expect(openField(rsaKey('other').privateKey, sealed)).toBeUndefined();
  });
});

describe('What is planned', () => {
  it('never runs when it comes after the end', () => {
    jest.useFakeTimers();
    try {
      const clock = new EmulatorClock();
      const [ended, going] = [new Scheduler(clock), new Scheduler(clock)];
      ended.close();
      const [late, run] = [jest.fn(), jest.fn()];
      const cancel = ended.at(0, late);
      going.at(0, run);
      jest.runAllTimers();
      expect([late, run].map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
      expect(cancel).not.toThrow();
    } finally {
      jest.useRealTimers();
    }
  });
});
