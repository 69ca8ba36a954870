import type { X509Certificate } from 'node:crypto';
import { parseCertificate } from '../crypto/index.js';
import { checkMessageOf } from '../errors/index.js';
import type { TransportOptions } from '../transport/index.js';
import type { WechatPayHttpOptions } from '../wechat-pay.options.js';

type Collect = (problem: string) => void;

/** Four times what the roots of all the world take. */
const MAX_ROOTS_CHARACTERS = 1024 * 1024;

/** Checks how connections are to be made, and fills in defaults. */
export function resolveTransport(
  http: WechatPayHttpOptions,
  nowMs: number,
  collect: Collect,
): TransportOptions {
  const { dispatcher, tls = {} } = http;
  const hasTls = Object.values(tls).some((value) => value !== undefined && value !== false);
  if (dispatcher !== undefined && hasTls) {
    collect(
      'http.dispatcher and http.tls exclude each other: a dispatcher makes its own connections, so give it the roots and the certificate (new Agent({ connect: { ca, key, cert } }))',
    );
  }
  return {
    dispatcher,
    ca: tls.ca === undefined ? undefined : resolveRoots(tls.ca, nowMs, collect),
    minVersion: tls.minVersion,
  };
}

/** Every certificate of the given texts as PEM of its own, which says nothing of how it was written. */
function resolveRoots(ca: string | readonly string[], nowMs: number, collect: Collect): string[] {
  const texts = [ca].flat();
  if (texts.reduce((sum, { length }) => sum + length, 0) > MAX_ROOTS_CHARACTERS) {
    collect('http.tls.ca is longer than 1 MiB: give only the roots that Node does not have');
    return [];
  }
  return texts.flatMap((text, index) => {
    const place = Array.isArray(ca) ? `http.tls.ca[${index}]` : 'http.tls.ca';
    const blocks = text.split(/(?=-----BEGIN )/).filter((block) => block.startsWith('-----BEGIN '));
    return blocks.flatMap((block, number) => {
      const name = blocks.length === 1 ? place : `${place}, certificate ${number + 1}`;
      const root = readRoot(block, name, collect);
      if (!root || !isValidNow(root, nowMs, name, collect)) return [];
      return [root.toString()];
    });
  });
}

function readRoot(block: string, name: string, collect: Collect): X509Certificate | undefined {
  if (/^-----BEGIN [A-Z0-9 ]*KEY-----/.test(block)) {
    collect(`${name} is a key: give the certificate of the root only`);
    return undefined;
  }
  try {
    return parseCertificate(block);
  } catch (error) {
    collect(`${name} ${checkMessageOf(error)}`);
    return undefined;
  }
}

function isValidNow(
  { subject, validFrom, validTo }: X509Certificate,
  nowMs: number,
  name: string,
  collect: Collect,
): boolean {
  const owner = subject.replaceAll('\n', ', ').slice(0, 200);
  const day = (date: string): string => new Date(date).toISOString();
  if (Date.parse(validTo) <= nowMs) {
    collect(`${name} (${owner}) expired on ${day(validTo)}: replace it, or leave it out`);
    return false;
  }
  if (Date.parse(validFrom) > nowMs) {
    collect(
      `${name} (${owner}) is valid only from ${day(validFrom)}: check the clock of this machine`,
    );
    return false;
  }
  return true;
}
