import { inspect } from 'node:util';
import { expect } from '@jest/globals';

/** What must never be read in an error or a log. */
export class Secrets {
  private readonly texts: readonly string[];

  /** @param named secrets that a test knows by value; PEM texts count line by line */
  constructor(named: readonly string[]) {
    this.texts = named
      .flatMap((text) => (text.includes('-----BEGIN') ? pemLines(text) : [text]))
      .filter((text) => text.length > 1);
  }

  /** Fails when any of them, or anything of their shape, stands in the text. */
  expectNoneIn(text: string, where: string): void {
    for (const secret of this.texts) {
      expect([where, text.includes(secret) ? `${secret} in ${text}` : '']).toEqual([where, '']);
    }
    for (const shape of SHAPES) {
      expect([where, shape.exec(text)?.[0] ?? '']).toEqual([where, '']);
    }
  }

  /** The same for everything that a logger may make of an error, its causes included. */
  expectNoneInError(error: unknown): void {
    const seen = new Set<unknown>();
    for (let at = error; at !== undefined && !seen.has(at); at = (at as Error).cause) {
      seen.add(at);
      const { name, message, stack } = at as Error;
      this.expectNoneIn(message, `${name}.message`);
      this.expectNoneIn(stack ?? '', `${name}.stack`);
      this.expectNoneIn(JSON.stringify(at) ?? '', `JSON of ${name}`);
      this.expectNoneIn(inspect(at, { depth: 10, showHidden: false }), `inspection of ${name}`);
      this.expectNoneIn(inspect(at, { depth: 10, showHidden: true }), `whole of ${name}`);
      this.expectNoneIn(JSON.stringify(Object.getOwnPropertyDescriptors(at)), `parts of ${name}`);
    }
  }
}

const SHAPES = [
  /-----BEGIN/,
  /WECHATPAY2-SHA256-RSA2048 mchid=/,
  /(?:signature|nonce_str|serial_no)="/,
  /[A-Za-z0-9+/]{100,}/,
];

function pemLines(text: string): string[] {
  return text.split('\n').filter((line) => line.length === 64);
}
