import { createHash } from 'node:crypto';
import type { RedisClient } from './client.js';

/** A Lua script and the name that Redis knows it by. */
export interface Script {
  readonly source: string;
  readonly sha1: string;
}

const script = (source: string): Script => ({
  source,
  sha1: createHash('sha1').update(source).digest('hex'),
});

/**
 * Compare-and-set on the signed time, which stands in decimal before the entry's first line feed. The
 * number of a change is the server's time in milliseconds, or one more than the last: it rises even
 * when the data were lost, so that no watch waits for numbers that were used before. A script is not rolled
 * back: the entry is written last, so that one which is kept was announced.
 *
 * KEYS: entry, sequence, changes. ARGV: signed seconds, newest credible seconds, entry, mchid,
 * channel, expiry in milliseconds or 0. Returns 1 when it was kept.
 */
export const WRITE_IF_NEWER = script(`
local held = -1
local head = redis.pcall('GETRANGE', KEYS[1], 0, 15)
if type(head) == 'string' then
  local seconds = tonumber(string.match(head, '^(%d+)\\n') or '-1')
  if seconds > tonumber(ARGV[2]) then seconds = 0 end
  held = seconds
end
if held >= tonumber(ARGV[1]) then return 0 end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local sequence = redis.call('INCR', KEYS[2])
if sequence < now then
  sequence = now
  redis.call('SET', KEYS[2], string.format('%.0f', now))
end
redis.call('ZADD', KEYS[3], string.format('%.0f', sequence), ARGV[4])
if ARGV[6] == '0' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[6])
end
redis.call('PUBLISH', ARGV[5], ARGV[4])
return 1
`);

/**
 * What changed after a number: mchid and number in turn, at most 1000 of them; with an empty number,
 * the last number alone. KEYS: sequence, changes. ARGV: number.
 */
export const CHANGED_SINCE = script(`
if ARGV[1] == '' then return { redis.call('GET', KEYS[1]) or '0' } end
return redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
`);

/**
 * Takes the lease of an event and handler. A call that is sent again after a cut connection finds its own
 * token. KEYS: event. ARGV: token, lease in milliseconds. Returns `claimed`, `running` or `done`.
 */
export const CLAIM = script(`
local held = redis.call('GET', KEYS[1])
if held == 'done' then return 'done' end
if held and held ~= ARGV[1] then return 'running' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'claimed'
`);

/**
 * Renews a lease, and takes it again when it ended and nobody else has it. KEYS: event. ARGV: token,
 * lease in milliseconds. Returns 0 when it is lost.
 */
export const RENEW = script(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

/** Gives a lease back. KEYS: event. ARGV: token. Returns 1 when it was held. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** Remembers that an event has been handled, whoever has the lease. KEYS: event. ARGV: milliseconds. */
export const REMEMBER = script(`
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[1])
return 1
`);

/** Runs a script by its name, and sends it when the server does not know it (after a restart). */
export async function runScript(
  client: RedisClient,
  { source, sha1 }: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha1, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(source, keys.length, ...keys, ...args);
  }
}
