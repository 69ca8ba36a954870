/**
 * What is used of a connected `ioredis` client, version 5 or 6: a `Redis` or a `Cluster`. Its settings
 * stay yours; a `keyPrefix` of its own comes before every key here too.
 *
 * @publicApi
 */
export interface RedisClient {
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  evalsha(sha1: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  getrangeBuffer(key: string, start: number, end: number): Promise<unknown>;
  set(key: string, value: string, px: 'PX', ttlMs: number, nx: 'NX'): Promise<unknown>;
  /** A connection of the same settings, for the subscription; ended when nobody watches. */
  duplicate(): RedisSubscriber;
}

/** What is used of the connection that {@link RedisClient.duplicate} makes. */
export interface RedisSubscriber {
  readonly status: string;
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  disconnect(): void;
}

/**
 * Listens on a channel with a connection of its own, which reconnects by itself. What the messages say
 * does not matter: each is a reason to ask.
 *
 * @param nudge called for every message, when the subscription stands, and when it fell
 * @returns what ends the connection
 */
export function listenOn(client: RedisClient, channel: string, nudge: () => void): () => void {
  const subscriber = client.duplicate();
  let isEnded = false;
  const tell = (): void => {
    if (!isEnded) nudge();
  };
  subscriber.on('error', () => undefined); // the poll finds out; without a listener it would be printed
  subscriber.on('message', tell);
  subscriber.on('close', tell);
  const subscribe = (): void => {
    if (isEnded) return;
    subscriber.subscribe(channel).then(tell, () => undefined);
  };
  if (subscriber.status === 'ready') subscribe();
  subscriber.on('ready', subscribe);
  if (subscriber.status === 'wait') subscriber.connect().catch(() => undefined);
  return () => {
    isEnded = true;
    subscriber.disconnect();
  };
}
