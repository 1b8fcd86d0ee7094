/** That a token was used: by which VM in which pod, and until when that counts. */
export interface TokenUse {
  /** SHA-256 of the token's `jti`, in hexadecimal digits. */
  readonly id: string;
  /** SHA-256 of pod UID and VM uuid, in hexadecimal digits. */
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What may be done with a token now: use it, use it again, or not use it, for one of three reasons. */
export type UseVerdict = 'new' | 'again' | 'elsewhere' | 'full' | 'owner-full';

export interface JtiBookOptions {
  /** Uses that are kept at most. */
  readonly capacity: number;
  /** Of these, uses of one VM in one pod: it can't keep all others from starting. */
  readonly ownerCapacity: number;
  /** How long a use is kept after the token expired, in milliseconds: the clock may be set back a little. */
  readonly keepMs: number;
}

const PRUNE_INTERVAL_MS = 60_000;

/** Which tokens were used, and by whom. Bounded: uses go when their tokens have expired, and never before. */
export class JtiBook {
  readonly #options: JtiBookOptions;
  readonly #uses = new Map<string, TokenUse>();
  readonly #counts = new Map<string, number>();
  #pruneAt = 0;

  constructor(options: JtiBookOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#uses.size;
  }

  get uses(): Iterable<TokenUse> {
    return this.#uses.values();
  }

  /** True when another VM or pod has used a token with this id. */
  isForeign(id: string, owner: string): boolean {
    const used = this.#uses.get(id);
    return used !== undefined && used.owner !== owner;
  }

  judge(use: TokenUse, now: number): UseVerdict {
    const { capacity, ownerCapacity } = this.#options;
    const used = this.#uses.get(use.id);
    if (used !== undefined && used.owner !== use.owner) return 'elsewhere';
    if (used !== undefined) return used.expiresAt >= use.expiresAt ? 'again' : 'new';
    if (now >= this.#pruneAt || this.#uses.size >= capacity || this.#countOf(use) >= ownerCapacity)
      this.prune(now);
    if (this.#uses.size >= capacity) return 'full';
    return this.#countOf(use) >= ownerCapacity ? 'owner-full' : 'new';
  }

  /** Notes a use; of two by the same owner, the one that counts longer. */
  add(use: TokenUse): void {
    const used = this.#uses.get(use.id);
    if (used !== undefined && (used.owner !== use.owner || used.expiresAt >= use.expiresAt)) return;
    if (used === undefined) this.#counts.set(use.owner, this.#countOf(use) + 1);
    this.#uses.set(use.id, use);
  }

  prune(now: number): void {
    this.#pruneAt = now + PRUNE_INTERVAL_MS;
    for (const use of this.#uses.values()) {
      if (use.expiresAt + this.#options.keepMs > now) continue;
      this.#uses.delete(use.id);
      const count = this.#countOf(use) - 1;
      if (count > 0) this.#counts.set(use.owner, count);
      else this.#counts.delete(use.owner);
    }
  }

  #countOf({ owner }: TokenUse): number {
    return this.#counts.get(owner) ?? 0;
  }
}
