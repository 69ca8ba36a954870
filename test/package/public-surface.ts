/** The values that each entry exports, sorted. A change here is a change of the public surface. */
const entries: Readonly<Record<string, readonly string[]>> = {
  'nestjs-wechatpay': [],
  'nestjs-wechatpay-emulator': [],
};

/** What `fixtures/shared/copies.cjs` prints when all is well. */
export const publicSurface = Object.fromEntries(
  Object.entries(entries).map(([name, exports]) => [
    name,
    { exports, imported: exports, different: [], manifest: name },
  ]),
);
