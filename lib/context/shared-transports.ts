import { Transport } from '../transport/index.js';
import type { ResolvedOptions } from './resolved-options.js';

/** Connections that somebody uses, until they say that they do not. */
export interface TransportLease {
  readonly transport: Transport;
  /** Lets go; what runs finishes. A second time does nothing. */
  release(): void;
}

interface Shared {
  readonly transport: Transport;
  users: number;
}

/**
 * The connections of all merchants of a process: those with the same settings share them, who shows a
 * certificate is alone. They go with the last merchant that uses them.
 */
export class SharedTransports {
  readonly #shared = new Map<string | object, Shared>();
  /** All on which something may run. */
  readonly #open = new Set<Transport>();

  take({
    transport: options,
    presentsCertificate,
  }: Pick<ResolvedOptions, 'transport' | 'presentsCertificate'>): TransportLease {
    const key = presentsCertificate ? {} : (options.dispatcher ?? JSON.stringify(options));
    const shared = this.#shared.get(key) ?? { transport: new Transport(options), users: 0 };
    shared.users += 1;
    this.#shared.set(key, shared);
    this.#open.add(shared.transport);
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#shared.delete(key);
      void shared.transport.retire().then(() => this.#open.delete(shared.transport));
    };
    return { transport: shared.transport, release };
  }

  /** Ends what runs after a moment, also on those that nobody uses any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((transport) => transport.close()));
  }
}
