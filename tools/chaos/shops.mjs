/** The shops as processes: started, killed, started again. */
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { crash, DemoError, isStopping, serve } from '../demo/processes.mjs';

const file = fileURLToPath(new URL('shop.mjs', import.meta.url));
const startsWithinMs = 60_000;
/** The platform counts anything slower as lost. */
const timeoutMs = 5_000;

export class Shop {
  /** Those that were: `{ pid, atMs }`. */
  kills = [];
  #name;
  #told;
  #onCrash;
  #child;
  #pool;
  /** One kill at a time; each waits until the shop is up. */
  #turn = Promise.resolve();

  /**
   * @param told what `shop.mjs` is told at each start
   * @param onCrash it ended, and nobody wanted it to
   */
  constructor(name, told, onCrash) {
    this.#name = name;
    this.#told = told;
    this.#onCrash = onCrash;
  }

  /** Resolves when it takes notifications. */
  async start() {
    const child = serve(this.#name, [file], { NODE_ENV: 'production' });
    this.#child = child;
    void child.ended.then((ending) => {
      if (child === this.#child && !isStopping()) this.#onCrash(crash(child, ending));
    });
    child.send(this.#told, () => undefined);
    let timer;
    const late = new Promise((_done, fail) => {
      const error = new DemoError(`${this.#name} is not ready within a minute`);
      timer = setTimeout(() => fail(error), startsWithinMs);
    });
    const ready = new Promise((done) => child.once('message', done));
    const { port } = await Promise.race([ready, late]).finally(() => clearTimeout(timer));
    this.#pool = new Pool(`http://127.0.0.1:${port}`, { connections: 32 });
  }

  /** SIGKILL in the middle of its work; resolves when it is up again. */
  kill() {
    this.#turn = this.#turn.then(async () => {
      this.kills.push({ pid: this.#child.pid, atMs: Date.now() });
      await this.#end('SIGKILL');
      await this.start();
    });
    return this.#turn;
  }

  /** Lets it finish what it does. */
  stop() {
    this.#turn = this.#turn.then(() => this.#end('SIGTERM'));
    return this.#turn;
  }

  async #end(signal) {
    const [child, pool] = [this.#child, this.#pool];
    this.#child = this.#pool = undefined;
    child.kill(signal);
    await child.ended;
    await pool.destroy();
  }

  /** Gives the status of the answer, 0 when there was none. */
  async post(path, { headers, body }) {
    if (this.#pool === undefined) return 0;
    const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
    try {
      const answer = await this.#pool.request({ method: 'POST', path, headers, body, ...timeouts });
      await answer.body.dump();
      return answer.statusCode;
    } catch {
      return 0;
    }
  }
}
