import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from './secret.ts';

/** A container of a pod, as its cgroup names both. */
export interface Holder {
  readonly pod: string;
  readonly container: string;
}

interface Held {
  /** `null`: nothing that could be read. */
  readonly digest: Buffer | null;
  /** By the monotonic clock, in milliseconds. */
  readonly until: number;
}

/** More than claim one VM on any node. */
const MAX_KNOWN = 1024;
const MOMENT_MS = 1000;
const KEY_LENGTH = 32;

/**
 * What pods were seen to hold as their secret a moment ago, as HMACs under a key of this process alone. Of several
 * pods that claim one VM, those that held another secret need not be asked again each time it starts.
 */
export class HeldDigests {
  readonly #key = randomBytes(KEY_LENGTH);
  readonly #held = new Map<string, Held>();

  /** @param secret `null` where there was none to read */
  note(holder: Holder, secret: Secret | null): void {
    if (this.#held.size >= MAX_KNOWN) this.#held.clear();
    // Not for all equally long: they would have to be read anew all at once.
    const until = performance.now() + MOMENT_MS * (1 + Math.random());
    this.#held.set(keyOf(holder), { digest: secret?.digest(this.#key) ?? null, until });
  }

  /** Tells the containers that were seen to hold something else than this. */
  holdsAnother(secret: Secret): (holder: Holder) => boolean {
    const digest = secret.digest(this.#key);
    return (holder) => {
      const held = this.#held.get(keyOf(holder));
      if (held === undefined || performance.now() >= held.until) return false;
      return held.digest === null || !timingSafeEqual(held.digest, digest);
    };
  }
}

function keyOf({ pod, container }: Holder): string {
  return `${pod} ${container}`;
}
