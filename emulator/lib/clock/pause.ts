import { setTimeout as sleep } from 'node:timers/promises';

/** Waits in real time, or until `signal` aborts; never rejects, keeps no process alive. @internal */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal }).catch(() => undefined);
}
