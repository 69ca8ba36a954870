/**
 * An amount of a bill, decimal yuan, in fen: `12.3` is 1230. Exact, as no number with a fraction is
 * made on the way.
 *
 * @returns `undefined` for anything else: a sign, a fraction of a fen, more than 999,999,999,999.99
 */
export function fenOf(yuan: string): number | undefined {
  const [, whole, fraction = ''] = /^(\d{1,12})(?:\.(\d+))?$/.exec(yuan) ?? [];
  if (whole === undefined || /[1-9]/.test(fraction.slice(2))) return undefined;
  return Number(whole) * 100 + Number(fraction.slice(0, 2).padEnd(2, '0'));
}
