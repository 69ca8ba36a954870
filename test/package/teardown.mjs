/** Removes what setup.mjs packed. */
export default async function teardown() {
  await globalThis.removeTarballs?.();
}
