import { RENEWAL } from '../certificates/index.js';
import type { WechatPayOptions } from '../wechat-pay.options.js';

type Test = (value: unknown) => boolean;

const isObject: Test = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isBoolean: Test = (value) => typeof value === 'boolean';
const isText: Test = (value) => typeof value === 'string';
const hasMethods =
  (...names: string[]): Test =>
  (value) =>
    isObject(value) &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
const isWithin =
  (minimum: number, maximum: number): Test =>
  (value) =>
    typeof value === 'number' && value >= minimum && value <= maximum;

/** Most merchants that may stay loaded. */
const MAX_LOADED = 1_000_000;
const isFunction: Test = (value) => typeof value === 'function';

/** A shape, and how to say it. */
interface Shape {
  readonly test: Test;
  readonly expected: string;
  /** The names that an object may have. */
  readonly fields?: Readonly<Record<string, Shape>>;
}

const unchecked: Shape = { test: () => true, expected: '' };
const text: Shape = { test: isText, expected: 'a text' };
const range = (minimum: number, maximum: number): Shape => ({
  test: isWithin(minimum, maximum),
  expected: `a number from ${minimum} to ${maximum}`,
});
const group = (fields: Readonly<Record<string, Shape>>): Shape => ({
  test: isObject,
  expected: 'an object',
  fields,
});

const inbox: Shape = {
  test: hasMethods('claim'),
  expected: 'a NotificationInbox such as new MemoryNotificationInbox()',
};
const queue: Shape = {
  test: hasMethods('enqueue', 'work', 'close'),
  expected:
    "a NotificationQueue such as new BullNotificationQueue({ connection }) of 'nestjs-wechatpay/bullmq'",
};

const DAY_MS = 86_400_000;

/** Every option with its shape; what it means is checked by `resolveOptions`. */
const OPTIONS = group({
  mchid: unchecked,
  appid: { test: (value) => isText(value) || isObject(value), expected: 'a text or an object' },
  credential: unchecked,
  platform: group({
    certificates: { test: isBoolean, expected: 'true or false' },
    publicKey: unchecked,
    publicKeyShare: range(0, 100),
  }),
  notifyUrl: text,
  baseUrl: text,
  backupUrl: { test: (value) => isText(value) || value === false, expected: 'a text or false' },
  http: group({
    timeoutMs: range(1, 600_000),
    maxConcurrency: range(1, 10_000),
    maxQueue: range(0, 100_000),
    retries: {
      test: (value) => Number.isInteger(value) && isWithin(0, 5)(value),
      expected: 'a whole number from 0 to 5',
    },
    attemptTimeoutMs: range(50, 600_000),
    hedgeAfterMs: range(1, 600_000),
    hedgeWrites: { test: isBoolean, expected: 'true or false' },
    fallback: { test: isFunction, expected: 'a function: (error, call) => data or undefined' },
    closeGraceMs: range(0, 600_000),
    dispatcher: { test: hasMethods('dispatch'), expected: 'a dispatcher of undici 7' },
    tls: group({
      ca: {
        test: (value) =>
          [value].flat().every((item) => isText(item) && String(item).includes('-----BEGIN ')),
        expected: 'PEM text, or a list of it',
      },
      minVersion: {
        test: (value) => value === 'TLSv1.2' || value === 'TLSv1.3',
        expected: "'TLSv1.2' or 'TLSv1.3'",
      },
      clientCertificate: { test: isBoolean, expected: 'true or false' },
    }),
  }),
  store: {
    test: hasMethods('read', 'writeIfNewer', 'changes', 'tryLease'),
    expected: 'a CertificateStore such as new DirectoryCertificateStore(path)',
  },
  renewal: group({
    everyMs: range(RENEWAL.minEveryMs, RENEWAL.maxEveryMs),
    cron: text,
    renewBeforeMs: range(0, 365 * DAY_MS),
    graceMs: range(0, 30 * DAY_MS),
    previousKeyMs: range(0, 20 * DAY_MS),
  }),
  inbox,
  queue,
  preload: { test: isBoolean, expected: 'true or false' },
});
const MERCHANTS = group({
  resolve: { test: isFunction, expected: 'a function: (mchid) => options or undefined' },
  maxLoaded: {
    test: (value) => Number.isInteger(value) && isWithin(1, MAX_LOADED)(value),
    expected: `a whole number from 1 to ${MAX_LOADED}`,
  },
  maxConcurrency: range(1, 100_000),
  inbox,
  queue,
});

/**
 * Checks that options have the shape that their type promises: they come from environments, files
 * and factories, where no compiler looks. A name that is not an option is a problem too: a typing
 * error in a payment configuration must not pass for a default.
 *
 * @param collect gets one sentence a problem
 * @returns the options without what is wrong, so that the checks of meaning can go on
 */
export function checkShapes(
  options: unknown,
  collect: (problem: string) => void,
): Partial<WechatPayOptions> {
  return keepGood('', options ?? {}, OPTIONS, collect) ?? {};
}

/** As {@link checkShapes}, for the options of `WechatPayMerchantsModule`. */
export function checkMerchantsShapes(options: unknown, collect: (problem: string) => void): void {
  keepGood('', options ?? {}, MERCHANTS, collect);
}

function keepGood(
  path: string,
  value: unknown,
  shape: Shape,
  collect: (problem: string) => void,
): Record<string, unknown> | undefined {
  if (!shape.test(value)) {
    collect(`${path === '' ? 'The options' : path} must be ${shape.expected}`);
    return undefined;
  }
  const { fields } = shape;
  if (!fields) return value as Record<string, unknown>;
  const good: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value as object) as [string, unknown][]) {
    const place = path === '' ? name : `${path}.${name}`;
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!known) collect(`${place} is not an option: see the type of the options for the names`);
    else if (item !== undefined) good[name] = keepGood(place, item, known, collect);
  }
  return good;
}
