/** Options of one call: when to give it up, as a time in milliseconds. */
export interface EtcdCallOptions {
  readonly deadline: number;
}

/** A key as etcd tells it; numbers of 64 bits are text. */
export interface EtcdKeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly mod_revision: string;
}

/** An answer to a range request. */
export interface EtcdRange {
  readonly header: { readonly revision: string };
  readonly kvs: readonly EtcdKeyValue[];
}

/** A range request that is being built. */
export interface EtcdRangeRequest {
  options(options: EtcdCallOptions): this;
  exec(): Promise<EtcdRange>;
}

/** A range request over several keys. */
export interface EtcdManyRequest extends EtcdRangeRequest {
  prefix(prefix: string): this;
  limit(count: number): this;
  sort(target: 'Mod', order: 'Ascend'): this;
  minModRevision(revision: string): this;
}

/** A part of a transaction. */
export interface EtcdOperation {
  op(): Promise<object>;
}

/** A write that is being built. */
export interface EtcdPut extends EtcdOperation {
  value(value: string): this;
  lease(id: string): this;
}

/** A transaction that is being built. */
export interface EtcdTransaction {
  options(options: EtcdCallOptions): this;
  then(...operations: EtcdOperation[]): this;
  commit(): Promise<{ readonly succeeded: boolean }>;
}

/** A running watch. */
export interface EtcdWatcher {
  on(event: 'put' | 'delete' | 'connected' | 'disconnected', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  cancel(): Promise<unknown>;
}

/** A watch that is being built. */
export interface EtcdWatchRequest {
  key(key: string): this;
  prefix(prefix: string): this;
  startRevision(revision: string): this;
  create(): Promise<EtcdWatcher>;
}

/** A lease. */
export interface EtcdLease {
  grant(): Promise<string>;
  revoke(options?: EtcdCallOptions): Promise<unknown>;
}

/**
 * What is used of a connected `etcd3` client: an `Etcd3` or a `Namespace` of one.
 *
 * @publicApi
 */
export interface EtcdClient {
  get(key: string): EtcdRangeRequest;
  getAll(): EtcdManyRequest;
  put(key: string): EtcdPut;
  if(key: string, column: 'Mod' | 'Create', compare: '==', value: string): EtcdTransaction;
  watch(): EtcdWatchRequest;
  lease(seconds: number, options: EtcdCallOptions & { autoKeepAlive: false }): EtcdLease;
}

/**
 * Watches keys; every event is a reason to ask. The watcher of `etcd3` reconnects by itself and goes on
 * where it was, and asks again are told of both.
 *
 * @returns what cancels it
 */
export function listenTo(
  request: EtcdWatchRequest,
  nudge: () => void,
  fail: (error: unknown) => void,
): () => void {
  let isEnded = false;
  const tell = (): void => {
    if (!isEnded) nudge();
  };
  const cancel = (watcher: EtcdWatcher): void => void watcher.cancel().catch(() => undefined);
  const creating = request.create();
  creating.then(
    (watcher) => {
      watcher.on('error', (error) => {
        if (!isEnded) fail(error);
      });
      if (isEnded) return cancel(watcher);
      for (const event of ['put', 'delete', 'connected', 'disconnected'] as const) {
        watcher.on(event, tell);
      }
      tell();
    },
    (error: unknown) => {
      if (!isEnded) fail(error);
    },
  );
  return () => {
    isEnded = true;
    creating.then(cancel, () => undefined);
  };
}
