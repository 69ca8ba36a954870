/** One build of the packages at a time: demos, specs and a benchmark may start together. */
import { readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './places.mjs';
import { isAlive } from './processes.mjs';

/** How long to wait for another process that builds. */
const lockMs = 180_000;

/** A link that names its owner; one of a process that has ended is nobody's. Resolves to what unlocks. */
export async function lockBuild() {
  const lock = join(root, 'node_modules', '.demo-building');
  for (const deadline = Date.now() + lockMs; ;) {
    try {
      await symlink(String(process.pid), lock);
      return () => rm(lock, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST' || Date.now() > deadline) return () => {};
    }
    const owner = await readlink(lock).catch(() => '');
    if (owner !== '' && !isAlive(Number(owner))) await rm(lock, { force: true });
    else await new Promise((done) => setTimeout(done, 200));
  }
}
