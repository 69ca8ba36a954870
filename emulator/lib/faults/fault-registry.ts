import { faultKinds, gatewayKinds, notificationKinds, type EmulatorFault } from './fault.js';

interface Entry {
  readonly fault: EmulatorFault;
  left: number;
}

/** How many faults may wait at once. */
const most = 1000;

/** The faults that wait for a request or a notification to hit. @internal */
export class FaultRegistry {
  private entries: Entry[] = [];

  /** @throws {TypeError} for a fault that makes no sense */
  add(fault: EmulatorFault): void {
    checkFault(fault);
    if (this.entries.length >= most) throw new TypeError(`more than ${most} faults are waiting`);
    this.entries.push({ fault: { ...fault }, left: fault.times ?? 1 });
  }

  clear(): void {
    this.entries = [];
  }

  list(): readonly (EmulatorFault & { readonly left: number })[] {
    return this.entries.map(({ fault, left }) => ({ ...fault, left }));
  }

  /** A fault that keeps this request from running. */
  takeForGateway(method: string, path: string): EmulatorFault | undefined {
    return this.take(({ kind, match }) => isGateway(kind) && hitsRequest(match, method, path));
  }

  /** A fault for the answer to this request, which has run. */
  takeForAnswer(method: string, path: string): EmulatorFault | undefined {
    return this.take(({ kind, match }) => !isGateway(kind) && hitsRequest(match, method, path));
  }

  takeForNotification(eventType: string): EmulatorFault | undefined {
    return this.take(({ match }) => hitsNotification(match, eventType));
  }

  private take(hits: (fault: EmulatorFault) => boolean): EmulatorFault | undefined {
    const entry = this.entries.find(({ fault }) => hits(fault));
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left <= 0) this.entries = this.entries.filter((other) => other !== entry);
    return entry.fault;
  }
}

function isGateway(kind: string): boolean {
  return gatewayKinds.some((gateway) => gateway === kind);
}

function isForNotifications(match: string | undefined): boolean {
  return match !== undefined && /^notification(?: |$)/.test(match);
}

function hitsRequest(match = '*', method: string, path: string): boolean {
  if (isForNotifications(match)) return false;
  if (match === '*' || match === '') return true;
  const [, wanted, prefix] = /^([A-Z]+) (\S+)$/.exec(match) ?? [];
  if (wanted !== undefined && prefix !== undefined) {
    return wanted === method && path.startsWith(prefix);
  }
  return match === method || path.includes(match);
}

function hitsNotification(match: string | undefined, eventType: string): boolean {
  return (
    isForNotifications(match) && (match === 'notification' || match === `notification ${eventType}`)
  );
}

function checkFault(fault: EmulatorFault): void {
  const { kind, match, times, delayMs, bytes, status } = fault;
  if (!faultKinds.some((known) => known === kind)) {
    throw new TypeError(`kind must be one of ${faultKinds.join(', ')}`);
  }
  if (match !== undefined && typeof match !== 'string') throw new TypeError('match must be a text');
  if (isForNotifications(match) && !notificationKinds.includes(kind)) {
    throw new TypeError(`a notification can only suffer ${notificationKinds.join(', ')}`);
  }
  if (kind === 'duplicate' && !isForNotifications(match)) {
    throw new TypeError('duplicate is for notifications: match must start with "notification"');
  }
  checkInteger('times', times, 1, 1_000_000);
  checkInteger('delayMs', delayMs, 0, 600_000);
  checkInteger('bytes', bytes, 1, 64 * 1024 * 1024);
  checkInteger('status', status, 200, 599);
  for (const name of ['body', 'contentType', 'location', 'serial'] as const) {
    const value = fault[name];
    if (value !== undefined && typeof value !== 'string')
      throw new TypeError(`${name} must be a text`);
    if (name !== 'body' && value !== undefined && !/^[\x20-\x7e]{0,2000}$/.test(value)) {
      throw new TypeError(`${name} must be printable ASCII`);
    }
  }
  if (fault.signed !== undefined && typeof fault.signed !== 'boolean') {
    throw new TypeError('signed must be true or false');
  }
}

function checkInteger(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined) return;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new TypeError(`${name} must be a whole number from ${min} to ${max}`);
  }
}
