import { isObject, type JsonObject } from '../validation/shape-validator.js';
import { readEvent } from './event-name.js';

/** What one event may have of its own. @publicApi */
export interface EmulatorNotifyFacts {
  /**
   * Where to post: `http:` or `https:`, on this machine. @default the `notify_url` of the order that a
   * payment names, when the emulator has it, or the `notifyUrl` that the emulator started with
   */
  readonly url?: string | undefined;
  /** Whose notification. @default the emulator's first merchant */
  readonly mchid?: string | undefined;
  /** How often it is posted before the schedule begins, 1 to 64. @default 1 */
  readonly copies?: number | undefined;
  /** Notification id. @default a fresh UUID, the same in every copy */
  readonly id?: string | undefined;
  /** RFC 3339. @default now */
  readonly createTime?: string | undefined;
  readonly summary?: string | undefined;
  readonly originalType?: string | undefined;
  /** `''` seals with none but sends the field; `null` leaves the field out as well. */
  readonly associatedData?: string | null | undefined;
}

/** How events are posted. @publicApi */
export interface EmulatorNotifySettings {
  /** Between one copy of an event and the next, ms of the emulator's clock, 0 to 600 000. @default 0 */
  readonly delayMs?: number | undefined;
  /** Up to so many ms more for each post, by the seed, 0 to 600 000. @default 0 */
  readonly spreadMs?: number | undefined;
  /** How many posts are under way at once, 1 to 1000. @default 16 */
  readonly concurrency?: number | undefined;
  /** Whether all posts, copies too, go out in any order, by the seed. @default false */
  readonly shuffle?: boolean | undefined;
  /** A whole number from 0 to 4 294 967 295; the same makes the same order. @default 1 */
  readonly seed?: number | undefined;
  /** Whether what is not taken is posted again on the platform's schedule. @default true */
  readonly resend?: boolean | undefined;
  /** Multiplies the intervals of the schedule, 0 to 1000. @default the emulator's */
  readonly scale?: number | undefined;
}

/** How one event is posted. @publicApi */
export interface EmulatorNotifyOptions extends EmulatorNotifyFacts, EmulatorNotifySettings {}

/** How several events are posted; `url`, `mchid` and `copies` hold for those that say nothing. @publicApi */
export interface EmulatorNotifyAllOptions
  extends EmulatorNotifySettings, Pick<EmulatorNotifyFacts, 'url' | 'mchid' | 'copies'> {}

/** An event to notify of, among others. @publicApi */
export interface EmulatorNotifyEvent extends EmulatorNotifyFacts {
  /** An event type; `TYPE/original_type` where one has several payloads. */
  readonly event: string;
  /** What differs from a usual payload. */
  readonly payload?: object | undefined;
}

/** An event that has been checked. @internal */
export interface CheckedEvent extends Omit<EmulatorNotifyFacts, 'copies'> {
  readonly eventType: string;
  readonly originalType?: string;
  readonly payload: JsonObject;
  readonly copies: number;
}

/** All that is asked for, checked. @internal */
export interface NotifyRequest {
  readonly events: readonly CheckedEvent[];
  readonly settings: Required<Omit<EmulatorNotifySettings, 'scale'>> & { readonly scale?: number };
}

const mostEvents = 100_000;
/** Every post is reported with its answer. */
const mostPosts = 1_000_000;
const texts = ['url', 'mchid', 'id', 'createTime', 'summary', 'originalType'] as const;
const factNames = [...texts, 'associatedData', 'copies'];
const shared = ['url', 'mchid', 'copies'];
const settingNames = ['delayMs', 'spreadMs', 'concurrency', 'shuffle', 'seed', 'resend', 'scale'];

/**
 * Reads `{ event, payload, … }` or `{ events: [{ event, payload, … }], … }`, from code or as JSON.
 *
 * @throws {TypeError} for an unknown name, or a value of another kind
 * @throws {RangeError} for a number out of range, and too many events or posts
 * @internal
 */
export function readNotifyRequest(input: JsonObject): NotifyRequest {
  const { events: list } = input;
  const settings = readSettings(input);
  if (list === undefined) {
    refuseUnknown(input, ['event', 'payload', ...factNames, ...settingNames], '');
    return { events: [readOne(input, {}, '')], settings };
  }
  refuseUnknown(input, ['events', ...shared, ...settingNames], '');
  if (!Array.isArray(list)) throw new TypeError('events must be a list');
  if (list.length === 0 || list.length > mostEvents) {
    throw new RangeError(`events must be 1 to ${mostEvents}`);
  }
  const common = Object.fromEntries(shared.map((name) => [name, input[name]]));
  const events = list.map((item: unknown, index) => {
    const place = `events[${index}].`;
    if (!isObject(item)) throw new TypeError(`events[${index}] must be an object`);
    refuseUnknown(item, ['event', 'payload', ...factNames], place);
    return readOne(item, common, place);
  });
  const posts = events.reduce((sum, { copies }) => sum + copies, 0);
  if (posts > mostPosts)
    throw new RangeError(`events with their copies must be at most ${mostPosts}`);
  return { events, settings };
}

function readSettings(input: JsonObject): NotifyRequest['settings'] {
  const scale = numberOf(input, 'scale', 0, 1000, '', false);
  return {
    delayMs: numberOf(input, 'delayMs', 0, 600_000) ?? 0,
    spreadMs: numberOf(input, 'spreadMs', 0, 600_000) ?? 0,
    concurrency: numberOf(input, 'concurrency', 1, 1000) ?? 16,
    shuffle: flagOf(input, 'shuffle') ?? false,
    seed: numberOf(input, 'seed', 0, 2 ** 32 - 1) ?? 1,
    resend: flagOf(input, 'resend') ?? true,
    ...(scale !== undefined && { scale }),
  };
}

function readOne(own: JsonObject, common: JsonObject, place: string): CheckedEvent {
  const item = { ...common, ...withoutUndefined(own) };
  const named = readEvent(item['event'], `${place}event`);
  const { payload = {}, associatedData } = item;
  if (!isObject(payload)) throw new TypeError(`${place}payload must be an object`);
  if (associatedData !== undefined && associatedData !== null && typeof associatedData !== 'string')
    throw new TypeError(`${place}associatedData must be a text or null`);
  const given = texts.map((name): [string, unknown] => [name, textOf(item, name, place)]);
  const facts = withoutUndefined(Object.fromEntries(given)) as Partial<CheckedEvent>;
  if (facts.url !== undefined) checkUrl(facts.url, `${place}url`);
  return {
    ...named,
    ...facts,
    ...(associatedData !== undefined && { associatedData }),
    payload,
    copies: numberOf(item, 'copies', 1, 64, place) ?? 1,
  };
}

function withoutUndefined(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function refuseUnknown(object: JsonObject, names: readonly string[], place: string): void {
  const unknown = Object.keys(object).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `${place}${unknown.slice(0, 64)} is not known; there are ${names.join(', ')}`,
  );
}

function textOf(object: JsonObject, name: string, place: string): string | undefined {
  const value = object[name];
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new TypeError(`${place}${name} must be a text`);
}

function flagOf(object: JsonObject, name: string): boolean | undefined {
  const value = object[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false`);
}

function numberOf(
  object: JsonObject,
  name: string,
  min: number,
  max: number,
  place = '',
  isWhole = true,
): number | undefined {
  const value = object[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw new TypeError(`${place}${name} must be a number`);
  if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
  const kind = isWhole ? 'a whole number' : 'a number';
  throw new RangeError(`${place}${name} must be ${kind} from ${min} to ${max}`);
}

function checkUrl(text: string, name: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return;
  throw new TypeError(`${name} must be an absolute URL, http: or https:`);
}
