import os from 'node:os';

import { Refusal } from '../errors.ts';
import { compareSecrets } from '../secret/compare-secrets.ts';
import type { PodSecretReader } from '../secret/pod-secret-reader.ts';
import { checkSecretLifetime } from '../secret/secret-lifetime.ts';
import type { Secret } from '../secret/secret.ts';
import type { VmIdentity } from '../target/target.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { ambiguous, notFound, type TargetFinder } from './target-finder.ts';

/** So many pods may claim one VM before none is asked for its secret. */
const MAX_PODS = 8;
/** Linux shows start times in hundredths of a second on every architecture. */
const TICKS_PER_SECOND = 100;

/** The pod that a caller may start its VM in. Dispose `pinned`. */
export interface AuthorizedTarget {
  readonly pinned: PinnedTarget;
  readonly validUntil: Date;
}

/** Chooses the pod of a VM by the secret that the caller and the pod share. */
export class TargetAuthorizer {
  readonly #finder: TargetFinder;
  readonly #reader: PodSecretReader;
  readonly #lifetimeMs: number;

  constructor(finder: TargetFinder, reader: PodSecretReader, lifetimeMs: number) {
    this.#finder = finder;
    this.#reader = reader;
    this.#lifetimeMs = lifetimeMs;
  }

  /** @throws Refusal unless exactly one pod of the VM holds this secret, and it still counts */
  async authorize(vm: VmIdentity, secret: Secret): Promise<AuthorizedTarget> {
    const found = this.#finder.find(vm);
    const { targets } = found;
    let chosen: AuthorizedTarget | null = null;
    try {
      if (targets.length === 0) throw notFound(vm, found);
      if (targets.length > MAX_PODS) throw ambiguous(vm, targets, 'they are too many');
      chosen = await this.#choose(vm, secret, targets);
      return chosen;
    } finally {
      for (const target of targets) if (target !== chosen?.pinned) target[Symbol.dispose]();
    }
  }

  async #choose(vm: VmIdentity, secret: Secret, targets: readonly PinnedTarget[]): Promise<AuthorizedTarget> {
    const checks = targets.map((pinned) => this.#check(pinned, secret));
    // All of them to their end, also where one fails: the fds of their targets are in use until then.
    await Promise.allSettled(checks);
    const outcomes = await Promise.all(checks);
    const matches: AuthorizedTarget[] = [];
    const refusals: Refusal[] = [];
    for (const outcome of outcomes)
      if (outcome instanceof Refusal) refusals.push(outcome);
      else matches.push(outcome);
    const [match] = matches;
    if (match !== undefined && matches.length === 1) return match;
    if (match !== undefined) throw ambiguous(vm, targets, 'more than one of them holds the secret');
    // Of several pods, the VM's is the one that holds the secret, even where the secret no longer counts.
    const decisive =
      refusals.length === 1 ? refusals : refusals.filter(({ code }) => code === 'secret-expired');
    const [refusal] = decisive;
    if (refusal !== undefined && decisive.length === 1) throw refusal;
    throw ambiguous(vm, targets, 'none of them holds the secret of the domain');
  }

  async #check(pinned: PinnedTarget, secret: Secret): Promise<AuthorizedTarget | Refusal> {
    const { launcher, target } = pinned;
    try {
      const owner = { directory: launcher.directory, credentials: target.credentials };
      const held = await this.#reader.read(owner);
      // The reading took time: what was read must still be the file of that very process.
      if (!launcher.isAlive()) return launcherEnded(target.pid);
      if (!compareSecrets(secret, held.secret))
        throw new Refusal(
          'secret-mismatch',
          'Cannot accept the secret of the domain: it is not the one in the pod',
          `set KUBEVIRT_IO_SECRET to what "${this.#reader.secretFile}" of the pod holds`,
        );
      const { validUntil } = checkSecretLifetime({
        secretFile: this.#reader.secretFile,
        expiresAtFile: this.#reader.expiresAtFile,
        expiresAt: held.expiresAt,
        now: Date.now(),
        containerAge: (os.uptime() - target.init.startTime / TICKS_PER_SECOND) * 1000,
        lifetime: this.#lifetimeMs,
      });
      return { pinned, validUntil };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // The file of a pod that ended cannot be read either: say what is behind it.
      return launcher.isAlive() ? error : launcherEnded(target.pid);
    }
  }
}

function launcherEnded(pid: number): Refusal {
  return new Refusal(
    'target-gone',
    `Cannot start the VM: the virt-launcher of its pod (process ${pid}) ended meanwhile`,
    'start the VM again when the pod is running',
  );
}
