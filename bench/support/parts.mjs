/**
 * The parts of a group that are to be measured: all, or for work on some of them those that the environment
 * names, `WECHATPAY_BENCH_PARTS=loading,fleets npm run bench -- keys`.
 *
 * @param parts by name, in their order
 */
export function chosenParts(parts) {
  const chosen = process.env.WECHATPAY_BENCH_PARTS?.split(',') ?? Object.keys(parts);
  const unknown = chosen.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) {
    throw new Error(`no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  }
  return chosen.map((name) => parts[name]);
}
