/** What was decided about the keys of one merchant. */
interface Decided {
  readonly distrusted: Set<string>;
  /** A share of the public key, and the one of the options that it was decided in place of. */
  share: { readonly percent: number; readonly configured: number } | undefined;
}

/** The latest are kept; an application that decides more about its keys has other troubles. */
const MAX_MERCHANTS = 10_000;
const MAX_SERIALS = 64;
const NOBODY: ReadonlySet<string> = new Set();

/**
 * What an application decides about keys while it runs, by mchid: it outlives a merchant that is
 * unloaded and loaded again. Decisions only, no keys.
 *
 * @internal
 */
export class KeyDecisions {
  readonly #byMchid = new Map<string, Decided>();

  /** Normalised serial numbers and ids that this merchant does not accept. */
  distrusted(mchid: string): ReadonlySet<string> {
    return this.#byMchid.get(mchid)?.distrusted ?? NOBODY;
  }

  distrust(mchid: string, serial: string): void {
    const { distrusted } = this.#renew(mchid);
    distrusted.delete(serial);
    distrusted.add(serial);
    dropOldest(distrusted, MAX_SERIALS);
  }

  /** The share of the public key in force: options that say another one than before are newer. */
  publicKeyShare(mchid: string, configured: number): number {
    const decided = this.#byMchid.get(mchid);
    if (decided?.share?.configured === configured) return decided.share.percent;
    if (decided) decided.share = undefined;
    return configured;
  }

  setPublicKeyShare(mchid: string, percent: number, configured: number): void {
    this.#renew(mchid).share = { percent, configured };
  }

  #renew(mchid: string): Decided {
    const decided = this.#byMchid.get(mchid) ?? { distrusted: new Set(), share: undefined };
    this.#byMchid.delete(mchid);
    this.#byMchid.set(mchid, decided);
    dropOldest(this.#byMchid, MAX_MERCHANTS);
    return decided;
  }
}

function dropOldest(
  of: { readonly size: number; keys(): Iterable<string>; delete(key: string): boolean },
  limit: number,
): void {
  const [oldest] = of.keys();
  if (of.size > limit && oldest !== undefined) of.delete(oldest);
}
