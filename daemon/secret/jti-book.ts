import { isNotedFor, podOfOwner } from './token-owner.ts';

/** That a token was used: by which VM in which pod, and until when that counts. */
export interface TokenUse {
  /** SHA-256 of the token's `jti`, in hexadecimal digits. */
  readonly id: string;
  /** See `tokenOwner`. */
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What may be done with a token now: use it, use it again, or not use it, for one of four reasons. */
export type UseVerdict = 'new' | 'again' | 'elsewhere' | 'full' | 'pod-full' | 'owner-full';

export interface JtiBookOptions {
  /** Uses that are kept at most. */
  readonly capacity: number;
  /** Of these, uses of one pod, whatever VMs it claims to be of: it can't keep all others from starting. */
  readonly podCapacity: number;
  /** Of these, uses of one VM in one pod. */
  readonly ownerCapacity: number;
  /** How long a use is kept after the token expired, in milliseconds: the clock may be set back a little. */
  readonly keepMs: number;
}

const PRUNE_INTERVAL_MS = 60_000;

/** Which tokens were used, and by whom. Bounded: uses go when their tokens have expired, and never before. */
export class JtiBook {
  readonly #options: JtiBookOptions;
  readonly #uses = new Map<string, TokenUse>();
  /** By owner, and by pod. */
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
    return used !== undefined && !isNotedFor(used.owner, owner);
  }

  judge(use: TokenUse, now: number): UseVerdict {
    const used = this.#uses.get(use.id);
    if (used !== undefined && !isNotedFor(used.owner, use.owner)) return 'elsewhere';
    if (used !== undefined) return used.expiresAt >= use.expiresAt ? 'again' : 'new';
    if (now >= this.#pruneAt || this.#shortage(use) !== null) this.prune(now);
    return this.#shortage(use) ?? 'new';
  }

  /** Notes a use; of two by the same owner, the one that counts longer. */
  add(use: TokenUse): void {
    const used = this.#uses.get(use.id);
    if (used !== undefined && (!isNotedFor(used.owner, use.owner) || used.expiresAt >= use.expiresAt)) return;
    if (used !== undefined) this.#count(used, -1);
    this.#count(use, 1);
    this.#uses.set(use.id, use);
  }

  prune(now: number): void {
    this.#pruneAt = now + PRUNE_INTERVAL_MS;
    for (const use of this.#uses.values()) {
      if (use.expiresAt + this.#options.keepMs > now) continue;
      this.#uses.delete(use.id);
      this.#count(use, -1);
    }
  }

  #shortage({ owner }: TokenUse): 'full' | 'pod-full' | 'owner-full' | null {
    const { capacity, podCapacity, ownerCapacity } = this.#options;
    if (this.#uses.size >= capacity) return 'full';
    if ((this.#counts.get(owner) ?? 0) >= ownerCapacity) return 'owner-full';
    return (this.#counts.get(podOfOwner(owner)) ?? 0) >= podCapacity ? 'pod-full' : null;
  }

  #count({ owner }: TokenUse, change: 1 | -1): void {
    for (const key of [owner, podOfOwner(owner)]) {
      const count = (this.#counts.get(key) ?? 0) + change;
      if (count > 0) this.#counts.set(key, count);
      else this.#counts.delete(key);
    }
  }
}
