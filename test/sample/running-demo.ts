import { ProgramRun } from '../support/program-run.js';
import { until } from '../support/servers.js';

/** The demo's JSON line. */
export interface Addresses {
  readonly ready: boolean;
  readonly shop: string;
  readonly emulator: string;
}

/** `npm run demo` on free ports. */
export class Demo extends ProgramRun {
  private readonly whenEnded = this.ended.then((ending) => {
    throw new Error(`the demo ended with ${ending}: ${this.errors}`);
  });

  constructor(
    settings: Readonly<Record<string, string>> = {},
    command: readonly string[] = [process.execPath, 'tools/demo.mjs'],
  ) {
    super(command, { SHOP_PORT: '0', EMULATOR_PORT: '0', ...settings });
    this.whenEnded.catch(() => undefined);
  }

  /** The JSON line, once everything answers. */
  async ready(): Promise<Addresses> {
    const line = until('the demo is ready', () => this.out.includes('\n'), 300_000);
    await Promise.race([line, this.whenEnded]);
    return JSON.parse(this.out.slice(0, this.out.indexOf('\n'))) as Addresses;
  }
}
