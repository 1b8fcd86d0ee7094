import { Refusal } from '../errors.ts';
import type { Target } from '../target/target.ts';
import { compareSecrets } from './compare-secrets.ts';
import { HeldDigests, type Holder } from './held-digests.ts';
import type { PodSecretReader, SecretOwner } from './pod-secret-reader.ts';
import type { Secret } from './secret.ts';

/** What a pod holds of a secret. */
export interface HeldSecret {
  readonly secret: Secret;
  /** Text of the file `expires-at` beside the secret; `null` where there is none, and where the secret is another. */
  readonly expiresAt: string | null;
}

/** Reads what pods hold, and remembers for a moment which of those that claim one VM held something else. */
export class HeldSecrets {
  readonly #reader: PodSecretReader;
  readonly #digests = new HeldDigests();

  constructor(reader: PodSecretReader) {
    this.#reader = reader;
  }

  /** Tells the containers that were seen a moment ago to hold something else than this. */
  holdsAnother(secret: Secret): (holder: Holder) => boolean {
    return this.#digests.holdsAnother(secret);
  }

  /**
   * Of the only pod in question: both files at once, since each takes a while.
   *
   * @throws Refusal `secret-file` or `busy`
   */
  async readOnly(owner: SecretOwner): Promise<HeldSecret> {
    // Both to their end: the directory of the process is in use until then.
    const [secret, expiresAt] = await Promise.allSettled([
      this.#reader.readSecret(owner),
      this.#reader.readExpiry(owner),
    ]);
    if (secret.status === 'rejected') throw secret.reason;
    if (expiresAt.status === 'rejected') throw expiresAt.reason;
    return { secret: secret.value, expiresAt: expiresAt.value };
  }

  /**
   * Of one of several pods: most hold another secret than the one that is shown, and then it does not matter until when.
   *
   * @throws Refusal `secret-file` or `busy`
   */
  async readOneOf(owner: SecretOwner, target: Target, shown: Secret): Promise<HeldSecret> {
    const secret = await this.#readNoting(owner, target);
    return { secret, expiresAt: compareSecrets(shown, secret) ? await this.#reader.readExpiry(owner) : null };
  }

  async #readNoting(owner: SecretOwner, { podUid, containerId }: Target): Promise<Secret> {
    const holder = podUid === null || containerId === null ? null : { pod: podUid, container: containerId };
    try {
      const secret = await this.#reader.readSecret(owner);
      if (holder !== null) this.#digests.note(holder, secret);
      return secret;
    } catch (error) {
      // Where nothing was read, nothing is known of it.
      const isRead = error instanceof Refusal && error.code === 'secret-file';
      if (holder !== null && isRead) this.#digests.note(holder, null);
      throw error;
    }
  }
}
