import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../support/children.mjs';
import { leaseMs } from '../../support/product.mjs';
import { STORES } from '../../support/servers.mjs';
import { mchidOf } from '../../support/roster.mjs';

export const LEASE_MS = leaseMs();
/** A store takes a list only when it was signed in a later second than the one it holds. */
export const SECOND_MS = 1_100;
const CONVERGES_WITHIN_MS = 60_000;

/** Processes that share one store, with a platform of their own. */
export class Fleet {
  static async start(kind, { roster, processes }) {
    const fleet = new Fleet(kind, roster);
    try {
      fleet.server = await STORES[kind].start();
      fleet.platform = await Child.start('workers/keys/platform.mjs', `the platform (${kind})`);
      const { url, serialNo } = await fleet.platform.ask('start', { roster });
      fleet.baseUrl = url;
      fleet.serialNo = serialNo;
      for (let n = 0; n < processes; n++) await fleet.join();
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  constructor(kind, roster) {
    this.kind = kind;
    this.label = STORES[kind].label;
    this.roster = roster;
    this.members = [];
    this.counts = { calls: 0, failed: 0 };
  }

  /** One process more; it has used nothing yet. */
  async join() {
    const member = await Child.start('workers/keys/member.mjs', `a process on ${this.label}`);
    this.members.push(member);
    const { roster, baseUrl } = this;
    await member.ask('start', {
      roster,
      baseUrl,
      store: { kind: this.kind, url: this.server.url },
    });
    return member;
  }

  askAll(op, args, timeoutMs) {
    return Promise.all(this.members.map((member) => member.ask(op, args, timeoutMs)));
  }

  /** Downloads since the last time it was asked. */
  async takeDownloads() {
    const { downloads, malformed, unsigned } = await this.platform.ask('takeStats');
    if (malformed + unsigned > 0) throw new Error('the platform saw requests that are not signed');
    return downloads;
  }

  /** Adds up the calls of all processes since the last time. */
  async takeCalls() {
    const all = await this.askAll('takeCounts');
    const failed = all.reduce((sum, one) => sum + one.failed, 0);
    const calls = all.reduce((sum, one) => sum + one.calls, 0);
    const failure = all.find(({ firstFailure }) => firstFailure)?.firstFailure;
    if (failure) console.error(`keys: ${this.label}: the first call that failed: ${failure}`);
    this.counts.calls += calls;
    this.counts.failed += failed;
    return { calls, failed };
  }

  /** Lists another certificate; it is not signed with yet. */
  async announce() {
    ({ serialNo: this.serialNo } = await this.platform.ask('announce', { mchid: mchidOf(0) }));
  }

  /** Signs with the announced certificate. */
  turn() {
    return this.platform.ask('turn');
  }

  /** When each process held the announced certificate, as soon as all do. */
  async allHold() {
    const end = performance.now() + CONVERGES_WITHIN_MS;
    for (;;) {
      const all = await this.askAll('heldSince', { serialNo: this.serialNo });
      if (all.every(({ sinceMs }) => sinceMs !== undefined)) return all.map((one) => one.sinceMs);
      if (performance.now() > end) {
        const count = all.filter(({ sinceMs }) => sinceMs === undefined).length;
        throw new Error(`${this.label}: ${count} processes do not get the new certificate`);
      }
      await sleep(20);
    }
  }

  /** Ends one process as a crash does. */
  kill(member) {
    this.members = this.members.filter((each) => each !== member);
    member.kill();
  }

  async close() {
    await Promise.all(this.members.map((member) => member.ask('stop').catch(() => undefined)));
    await Promise.all([...this.members, this.platform].map((child) => child?.stop()));
    await this.server?.close();
  }
}
