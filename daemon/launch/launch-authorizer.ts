import { setTimeout as delay } from 'node:timers/promises';

import { Refusal, type RefusalCode } from '../errors.ts';
import type { Secret } from '../secret/secret.ts';
import type { VmIdentity } from '../target/target.ts';
import type { LaunchConnection } from './launch-connection.ts';
import type { SecretTries } from './secret-tries.ts';
import type { AuthorizedTarget, TargetAuthorizer } from './target-authorizer.ts';

const WAIT_INTERVAL_MS = 250;

const secretRefusals: ReadonlySet<RefusalCode> = new Set([
  'secret-file',
  'secret-mismatch',
  'secret-expired',
  'target-ambiguous',
]);

/** What another pod brings about, too, that claims the VM: it must not end the wait for the VM's own. */
const worthWaiting: ReadonlySet<RefusalCode> = new Set([
  'target-not-found',
  'target-unusable',
  'target-ambiguous',
  'target-gone',
  'secret-file',
  'secret-mismatch',
  // Too many wait for the files of such a pod.
  'busy',
]);

export interface LaunchAuthorizerOptions {
  readonly authorizer: TargetAuthorizer;
  /** `null`: wrong ones are not counted. */
  readonly secretTries: SecretTries | null;
  /** How long to wait for a pod that is not there yet. */
  readonly targetWaitMs: number;
  /** Told what came of the secret of each launch that got as far as having it checked. */
  readonly onSecretCheck: (result: 'valid' | 'refused' | 'failed') => void;
}

/** Authorizes launches, whose pod may be late and whose caller may try only so many wrong secrets. */
export class LaunchAuthorizer {
  readonly #options: LaunchAuthorizerOptions;

  constructor(options: LaunchAuthorizerOptions) {
    this.#options = options;
  }

  /** @throws Refusal */
  async authorize(vm: VmIdentity, secret: Secret, connection: LaunchConnection): Promise<AuthorizedTarget> {
    const { onSecretCheck, secretTries } = this.#options;
    try {
      const key = `${vm.uuid} ${connection.origin}`;
      // Who leaves before the answer has had as much looked up as who was wrong.
      const isTry = (error: unknown): boolean => isWrongSecret(error) || connection.gone.aborted;
      const find = (): Promise<AuthorizedTarget> => this.#awaitTarget(vm, secret, connection);
      const authorized = await (secretTries?.count(key, find, isTry) ?? find());
      onSecretCheck('valid');
      return authorized;
    } catch (error) {
      if (!(error instanceof Refusal)) onSecretCheck('failed');
      else if (isWrongSecret(error)) onSecretCheck('refused');
      throw error;
    }
  }

  /**
   * Uses up the token of a launch that goes on.
   * @throws Refusal
   */
  async claim({ claim }: AuthorizedTarget): Promise<void> {
    try {
      await claim();
    } catch (error) {
      this.#options.onSecretCheck(error instanceof Refusal ? 'refused' : 'failed');
      throw error;
    }
  }

  async #awaitTarget(
    vm: VmIdentity,
    secret: Secret,
    { gone, origin, trail: { clock } }: LaunchConnection,
  ): Promise<AuthorizedTarget> {
    const deadline = performance.now() + this.#options.targetWaitMs;
    for (;;) {
      try {
        return await this.#options.authorizer.authorize(vm, secret, { origin, gone }, clock);
      } catch (error) {
        const isWorthWaiting = error instanceof Refusal && worthWaiting.has(error.code);
        if (!isWorthWaiting || performance.now() >= deadline) throw error;
        clock.enter('find');
        await delay(WAIT_INTERVAL_MS, undefined, { signal: gone }).catch(() => undefined);
        gone.throwIfAborted();
      }
    }
  }
}

function isWrongSecret(error: unknown): boolean {
  return error instanceof Refusal && secretRefusals.has(error.code);
}
