import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  fromFile,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  type CredentialField,
} from 'nestjs-wechatpay';
import type { Subscription } from 'rxjs';
import { watchedFile } from '../../../lib/merchant/sources/file.js';
import type { StartWatcher } from '../../../lib/merchant/sources/file-watch.js';

const { signal } = new AbortController();
const isLinux = process.platform === 'linux';

/** Loads at each emission, as the provider does, and keeps what came. */
class Listener {
  readonly seen: string[] = [];
  #subscription: Subscription | undefined;
  #wake: () => void = () => undefined;

  constructor(readonly field: CredentialField<Buffer>) {}

  async start(): Promise<this> {
    await this.#load();
    this.#subscription = this.field.changes?.subscribe(() => void this.#load());
    return this;
  }

  async #load(): Promise<void> {
    const text = await this.field.load(signal).then(String, (error: Error) => `! ${error.message}`);
    this.seen.push(text);
    this.#wake();
  }

  /** Waits until so much was seen. */
  async until(count: number): Promise<readonly string[]> {
    for (const end = Date.now() + 10_000; this.seen.length < count;) {
      if (Date.now() > end) throw new Error(`only ${JSON.stringify(this.seen)} was seen`);
      await new Promise<void>((wake) => {
        this.#wake = wake;
        setTimeout(wake, 1_000).unref();
      });
    }
    return this.seen;
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }
}

describe('a field of a file', () => {
  let directory: string;
  let path: string;
  const listeners: Listener[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wechatpay-file-'));
    path = join(directory, 'key.pem');
  });

  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.stop();
    rmSync(directory, { recursive: true });
  });

  const listen = (field: CredentialField<Buffer> = fromFile(path)): Promise<Listener> => {
    const listener = new Listener(field);
    listeners.push(listener);
    return listener.start();
  };

  describe('that is loaded', () => {
    const load = (): Promise<Buffer> => fromFile(path).load(signal);
    const failure = async (): Promise<string> => {
      const error: unknown = await load().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(WechatPayCertificateError);
      expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', isRetryable: true });
      return (error as Error).message;
    };

    it('delivers its bytes as they are', async () => {
      writeFileSync(path, '\uFEFF text \r\n');
      expect(await load()).toEqual(Buffer.from('\uFEFF text \r\n'));
    });

    it('delivers all of 64 KiB and nothing of one byte more', async () => {
      writeFileSync(path, Buffer.alloc(65_536, 1));
      expect(await load()).toHaveLength(65_536);
      appendFileSync(path, 'x');
      expect(await failure()).toBe(
        `the file ${path} is larger than 64 KiB: give the key or certificate itself`,
      );
    });

    it('is refused when it is huge, without a wait', async () => {
      writeFileSync(path, '');
      truncateSync(path, 10 * 1024 ** 3);
      expect(await failure()).toMatch(/is larger than 64 KiB/);
    });

    it('names its path when it is missing', async () => {
      expect(await failure()).toBe(
        `the file ${path} does not exist (ENOENT): check the path and what is mounted there`,
      );
    });

    it('says so when a part of its path is a file', async () => {
      writeFileSync(path, '');
      path = join(path, 'deeper');
      expect(await failure()).toMatch(/a part of its path is no directory/);
    });

    it('is refused when it is a directory', async () => {
      path = directory;
      expect(await failure()).toBe(`the file ${path} is a directory (EISDIR): give the file in it`);
    });

    it('names the code of whatever else the system says', async () => {
      path = join(directory, 'x'.repeat(300));
      expect(await failure()).toMatch(/ cannot be read \(ENAMETOOLONG\)$/);
    });

    (isLinux ? it : it.skip)('is bounded by what is read when its size says nothing', async () => {
      path = '/proc/self/status';
      await expect(fromFile(path, { maxBytes: 64 * 1024 }).load(signal)).resolves.toBeDefined();
      await expect(fromFile(path, { maxBytes: 100 }).load(signal)).rejects.toThrow(
        /is larger than/,
      );
    });

    it('is refused when it is a link in a circle', async () => {
      symlinkSync('key.pem', path);
      expect(await failure()).toMatch(/leads in a circle \(ELOOP\)/);
    });

    (isLinux ? it : it.skip)('is refused when it is a pipe nobody writes to', async () => {
      execFileSync('mkfifo', [path]);
      expect(await failure()).toMatch(/is not a regular file: pipes and devices are not read/);
    });

    (isLinux ? it : it.skip).each(['/dev/zero', '/dev/null'])(
      'is refused as %s',
      async (device) => {
        path = device;
        expect(await failure()).toMatch(/is not a regular file/);
      },
    );

    it('is not read for a load that was aborted', async () => {
      writeFileSync(path, 'one');
      const aborted = AbortSignal.abort(new Error('enough'));
      await expect(fromFile(path).load(aborted)).rejects.toThrow('enough');
    });

    it.each(['', ' ', '-----BEGIN PRIVATE KEY-----', 'a\nb', 'a\0b', undefined])(
      'is refused when %j cannot be its path, without a word of it',
      (value) => {
        expect(() => fromFile(value as string)).toThrow(
          'The WeChat Pay configuration is wrong: fromFile needs the path of a file, not its content',
        );
      },
    );

    it.each([
      [{ debounceMs: -1 }],
      [{ debounceMs: Number.NaN }],
      [{ backstopMs: 999 }],
      [{ maxBytes: 2 ** 20 + 1 }],
      [{ maxBytes: '1' as unknown as number }],
    ])('refuses the option %j', (options) => {
      expect(() => fromFile(path, options)).toThrow(WechatPayConfigurationError);
    });
  });

  describe('that is watched', () => {
    it('is loaded again after it was written in place', async () => {
      writeFileSync(path, 'one');
      const listener = await listen();
      writeFileSync(path, 'two');
      expect(await listener.until(2)).toEqual(['one', 'two']);
      writeFileSync(path, 'three');
      expect(await listener.until(3)).toEqual(['one', 'two', 'three']);
    });

    it('is loaded once after several writes', async () => {
      writeFileSync(path, 'one');
      const listener = await listen(fromFile(path, { debounceMs: 500 }));
      writeFileSync(path, '');
      await listener.until(2);
      for (const part of ['a', 'b', 'c', 'd']) {
        appendFileSync(path, part);
        await new Promise((done) => setImmediate(done));
      }
      await listener.until(3);
      await laterEmission();
      expect(listener.seen).toEqual(['one', '', 'abcd']);
    });

    it('is loaded again after another file was renamed over it, each time', async () => {
      writeFileSync(path, 'one');
      const listener = await listen();
      for (const [index, content] of ['two', 'three', 'four'].entries()) {
        writeFileSync(`${path}.new`, content);
        renameSync(`${path}.new`, path);
        expect((await listener.until(index + 2)).at(-1)).toBe(content);
      }
      expect(listener.seen).toHaveLength(4);
    });

    it('is loaded again after Kubernetes swapped the folder behind it, each time', async () => {
      const mount = new KubernetesSecret(directory);
      mount.publish('one');
      const listener = await listen();
      for (const [index, content] of ['two', 'three', 'four'].entries()) {
        mount.publish(content);
        expect((await listener.until(index + 2)).at(-1)).toBe(content);
      }
      expect(listener.seen).toHaveLength(4);
    });

    it('is loaded again after a link above it was swapped', async () => {
      for (const [release, content] of [
        ['r1', 'one'],
        ['r2', 'two'],
      ] as const) {
        mkdirSync(join(directory, release, 'keys'), { recursive: true });
        writeFileSync(join(directory, release, 'keys', 'key.pem'), content);
      }
      symlinkSync('r1', join(directory, 'current'));
      const listener = await listen(fromFile(join(directory, 'current', 'keys', 'key.pem')));
      symlinkSync('r2', join(directory, 'next'));
      renameSync(join(directory, 'next'), join(directory, 'current'));
      expect(await listener.until(2)).toEqual(['one', 'two']);
      for (const [index, content] of ['three', 'four', 'five'].entries()) {
        writeFileSync(join(directory, 'r2', 'keys', 'key.pem'), content);
        expect((await listener.until(index + 3)).at(-1)).toBe(content);
      }
    });

    it('is waited for when it is removed, and loaded when it is back', async () => {
      writeFileSync(path, 'one');
      const listener = await listen();
      unlinkSync(path);
      expect((await listener.until(2)).at(-1)).toMatch(/^! the file .* does not exist/);
      writeFileSync(path, 'one');
      expect((await listener.until(3)).at(-1)).toBe('one');
      expect(listener.seen).toHaveLength(3);
    });

    it('is waited for when its folder is removed, and loaded when it is back', async () => {
      path = join(directory, 'a', 'b', 'key.pem');
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, 'one');
      const listener = await listen(fromFile(path));
      rmSync(join(directory, 'a'), { recursive: true });
      expect((await listener.until(2)).at(-1)).toMatch(/does not exist/);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, 'two');
      expect((await listener.until(3)).at(-1)).toBe('two');
    });

    it('is loaded when it appears for the first time', async () => {
      const listener = await listen();
      writeFileSync(path, 'one');
      expect((await listener.until(2)).at(-1)).toBe('one');
      expect(listener.seen[0]).toMatch(/does not exist/);
    });

    it('is not loaded again for the same content, nor for a neighbour', async () => {
      writeFileSync(path, 'one');
      const listener = await listen(fromFile(path, { debounceMs: 10 }));
      writeFileSync(path, 'two');
      await listener.until(2);
      writeFileSync(`${path}.new`, 'two');
      renameSync(`${path}.new`, path);
      writeFileSync(join(directory, 'neighbour'), 'x');
      await laterEmission();
      expect(listener.seen).toEqual(['one', 'two']);
    });

    it('tells of a change between the load and the subscription', async () => {
      writeFileSync(path, 'one');
      const field = fromFile(path);
      await field.load(signal);
      writeFileSync(path, 'two');
      const emitted = new Promise<void>((done) => {
        const subscription = field.changes?.subscribe(() => {
          subscription?.unsubscribe();
          done();
        });
      });
      await emitted;
      expect(String(await field.load(signal))).toBe('two');
    });

    it('tells everybody who listens, also when one of them was faster to load', async () => {
      writeFileSync(path, 'one');
      const field = fromFile(path);
      const [one, two] = [await listen(field), await listen(field)];
      writeFileSync(path, 'two');
      await field.load(signal);
      expect(await one.until(2)).toEqual(['one', 'two']);
      expect(await two.until(2)).toEqual(['one', 'two']);
    });

    (isLinux ? it : it.skip)('tells when it may not be read any more, and when again', async () => {
      writeFileSync(path, 'one');
      await asNobody(directory, async () => {
        const listener = await listen();
        chmodSync(path, 0o000);
        expect((await listener.until(2)).at(-1)).toMatch(
          /may not be read by this process \(EACCES\): check its owner and mode/,
        );
        chmodSync(path, 0o644);
        expect((await listener.until(3)).at(-1)).toBe('one');
        listener.stop();
      });
    });

    it('is looked at by polling where there are no events', async () => {
      writeFileSync(path, 'one');
      const listener = await listen(fromFile(path, { usePolling: true, debounceMs: 10 }));
      writeFileSync(path, 'two'); // the first look may find this
      await listener.until(2);
      writeFileSync(path, 'three');
      expect(await listener.until(3)).toEqual(['one', 'two', 'three']);
    });

    it('is looked at from time to time when events never come', async () => {
      const { start } = silentWatcher();
      writeFileSync(path, 'one');
      const listener = await listen(watchedFile(path, { backstopMs: 1_000 }, start));
      writeFileSync(path, 'two'); // the first look may find this
      await listener.until(2);
      writeFileSync(path, 'three');
      expect(await listener.until(3)).toEqual(['one', 'two', 'three']);
    });

    it('is looked at from time to time when no watcher can be started', async () => {
      writeFileSync(path, 'one');
      const start = (): never => {
        throw new Error('EMFILE');
      };
      const listener = await listen(watchedFile(path, { backstopMs: 1_000 }, start));
      writeFileSync(path, 'two'); // the first look may find this
      await listener.until(2);
      writeFileSync(path, 'three');
      expect(await listener.until(3)).toEqual(['one', 'two', 'three']);
    });

    it('goes on when the watcher reports an error', async () => {
      const { start, watchers } = silentWatcher();
      writeFileSync(path, 'one');
      const listener = await listen(watchedFile(path, { debounceMs: 0 }, start));
      writeFileSync(path, 'two');
      await listener.until(2);
      watchers[0]?.emit('error', new Error('ENOSPC'));
      writeFileSync(path, 'three');
      watchers[0]?.emit('raw', 'change', 'neighbour');
      watchers[0]?.emit('raw', 'change', 'key.pem');
      expect(await listener.until(3)).toEqual(['one', 'two', 'three']);
    });

    it('has one watcher for all who listen, closed with the last of them', async () => {
      const { start, watchers } = silentWatcher();
      writeFileSync(path, 'one');
      const field = watchedFile(path, {}, start);
      const two = await listen(field);
      const one = await listen(field);
      writeFileSync(path, 'two');
      watchers[0]?.emit('raw', 'change', 'key.pem'); // or the first look finds it
      await Promise.all([one.until(2), two.until(2)]);
      expect(watchers).toHaveLength(1);
      one.stop();
      expect(watchers[0]?.closed).toBe(false);
      two.stop();
      expect(watchers[0]?.closed).toBe(true);
    });

    (isLinux ? it : it.skip)('does not keep a process alive', async () => {
      const { start, settings } = silentWatcher();
      writeFileSync(path, 'one');
      const listener = await listen(watchedFile(path, {}, start));
      writeFileSync(path, 'two');
      await listener.until(2);
      expect(settings).toEqual([expect.objectContaining({ persistent: false })]);
    });
  });

  /** A change of another file, told half a second after it happened. */
  async function laterEmission(): Promise<void> {
    const marker = join(directory, 'marker');
    writeFileSync(marker, 'one');
    const listener = await listen(fromFile(marker, { debounceMs: 500 }));
    writeFileSync(marker, 'two');
    await listener.until(2); // may be the first look
    writeFileSync(marker, 'three');
    await listener.until(3);
  }
});

/** A secret as the kubelet mounts it: everything is swapped by one rename. */
class KubernetesSecret {
  #version = 0;

  constructor(private readonly directory: string) {}

  publish(content: string): void {
    const version = `..2026_01_01_${++this.#version}`;
    mkdirSync(join(this.directory, version));
    writeFileSync(join(this.directory, version, 'key.pem'), content);
    symlinkSync(version, join(this.directory, '..data_tmp'));
    renameSync(join(this.directory, '..data_tmp'), join(this.directory, '..data'));
    if (this.#version === 1) symlinkSync('..data/key.pem', join(this.directory, 'key.pem'));
    else rmSync(join(this.directory, `..2026_01_01_${this.#version - 1}`), { recursive: true });
  }
}

class SilentWatcher extends EventEmitter {
  closed = false;

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** Watchers that say nothing by themselves but that they are ready. */
function silentWatcher(): {
  start: StartWatcher;
  watchers: SilentWatcher[];
  settings: Parameters<StartWatcher>[1][];
} {
  const watchers: SilentWatcher[] = [];
  const settings: Parameters<StartWatcher>[1][] = [];
  const start: StartWatcher = (_paths, options) => {
    const watcher = new SilentWatcher();
    watchers.push(watcher);
    settings.push(options);
    setImmediate(() => watcher.emit('ready'));
    return watcher;
  };
  return { start, watchers, settings };
}

/** Root may read everything: as root, files are given to nobody and looked at as nobody. */
async function asNobody(directory: string, body: () => Promise<void>): Promise<void> {
  const nobody = 65_534;
  if (process.getuid?.() !== 0) return body();
  chownSync(directory, nobody, nobody);
  for (const name of readdirSync(directory)) chownSync(join(directory, name), nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await body();
  } finally {
    process.seteuid?.(0);
  }
}
