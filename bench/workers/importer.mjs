/** A fresh process that imports the peers, then the package, and says how long each took. */
import { answer } from '../support/rpc.mjs';

answer({
  async measure({ peers, entry }) {
    const start = performance.now();
    for (const peer of peers) await import(peer);
    const between = performance.now();
    await import(entry);
    return { peersMs: between - start, entryMs: performance.now() - between };
  },
});
