import os from 'node:os';

import { Refusal } from '../errors.ts';
import { FairQueue, type Asker } from '../fair-queue.ts';
import type { PodTokens } from '../kubernetes/pod-tokens.ts';
import type { TokenReview } from '../kubernetes/token-reviewer.ts';
import { HeldSecrets } from '../secret/held-secrets.ts';
import { judgeSecret, replayDetail } from '../secret/judge-secret.ts';
import type { OpenedSecret } from '../secret/opened-secret.ts';
import type { PodSecretReader } from '../secret/pod-secret-reader.ts';
import { secretMismatch, tokenMismatch } from '../secret/secret-mismatch.ts';
import type { SecretOpener } from '../secret/secret-opener.ts';
import type { Secret } from '../secret/secret.ts';
import type { TokenLedger } from '../secret/token-ledger.ts';
import { tokenOwner } from '../secret/token-owner.ts';
import { waitForQuantum } from '../secret/wait-for-quantum.ts';
import type { VmIdentity } from '../target/target.ts';
import type { PinnedTarget } from './pinned-target.ts';
import type { StepClock } from './step-clock.ts';
import { ambiguous, notFound, type FoundTargets, type TargetFinder } from './target-finder.ts';
import { waitInLine } from './wait-in-line.ts';

/** So many pods may claim one VM before none is asked for its secret. */
const MAX_PODS = 256;
/**
 * Looks at all processes at once, for those who have shown no secret that fits what is known. They mostly come to a
 * refusal, and must not keep those from starting whose answer is at hand.
 */
const SLOW = { total: 2, perKey: 1 } as const;
/** Linux shows start times in hundredths of a second on every architecture. */
const TICKS_PER_SECOND = 100;

/** The pod that a caller may start its VM in. Dispose `pinned`. */
export interface AuthorizedTarget {
  readonly pinned: PinnedTarget;
  readonly validUntil: Date;
  /**
   * Notes that the token is used, where the secret came in one: when nothing else stands against the launch.
   * @throws Refusal when another VM or pod was quicker, or when it can't be noted
   */
  readonly claim: () => Promise<void>;
}

export interface TargetAuthorizerOptions {
  readonly finder: TargetFinder;
  readonly reader: PodSecretReader;
  readonly opener: SecretOpener;
  /** Of the tokens that were used; `null` where none are accepted. */
  readonly ledger: TokenLedger | null;
  /** `null` where tokens of ServiceAccounts are not accepted. */
  readonly tokens: PodTokens | null;
  /** `secret-lifetime` and `secret-token-lifetime`. */
  readonly lifetimeMs: number;
  readonly tokenLifetimeMs: number;
  /** Told what each search has come upon. */
  readonly onFound?: (found: FoundTargets) => void;
}

/** Chooses the pod of a VM by the secret that the caller and the pod share. */
export class TargetAuthorizer {
  readonly #options: TargetAuthorizerOptions;
  readonly #held: HeldSecrets;
  readonly #slow = new FairQueue(SLOW);

  constructor(options: TargetAuthorizerOptions) {
    this.#options = options;
    this.#held = new HeldSecrets(options.reader);
  }

  /**
   * @param asker see `TargetFinder.find`
   * @param clock told what is being done
   * @throws Refusal unless exactly one pod of the VM holds this secret, and it still counts
   */
  async authorize(
    vm: VmIdentity,
    secret: Secret,
    asker: Asker,
    clock?: Pick<StepClock, 'enter'>,
  ): Promise<AuthorizedTarget> {
    const { finder, opener } = this.#options;
    clock?.enter('find');
    const opening = opener.open(secret);
    opening.catch(() => undefined);
    const among = (found: FoundTargets): Promise<AuthorizedTarget> => {
      clock?.enter('secret');
      return this.#authorizeAmong(vm, opening, found, asker);
    };
    // Pods that held another secret a moment ago are passed over; where that leaves no answer, they are asked, too.
    const first = finder.isContested(vm)
      ? await finder.findIndexed(vm, asker, this.#held.holdsAnother((await opening).secret))
      : await finder.findKnown(vm, asker);
    const seen = describeTargets(first);
    const outcome = first.targets.length === 0 ? null : await among(first).catch(refusalOf);
    if (outcome !== null && !(outcome instanceof Refusal)) return outcome;
    // Another pod of this VM may have come to be by ways that are only seen by a look at all processes.
    const look = (): Promise<FoundTargets> => {
      clock?.enter('find');
      return finder.find(vm, asker);
    };
    const all = await waitInLine(this.#slow, asker.origin ?? '', look, asker);
    // Out of the line: how long the pods' files take to read is up to the pods.
    if (outcome === null || (all.targets.length > 0 && describeTargets(all) !== seen)) return among(all);
    for (const target of all.targets) target[Symbol.dispose]();
    throw outcome;
  }

  async #authorizeAmong(
    vm: VmIdentity,
    opening: Promise<OpenedSecret>,
    found: FoundTargets,
    asker: Asker,
  ): Promise<AuthorizedTarget> {
    const { targets } = found;
    let chosen: AuthorizedTarget | null = null;
    try {
      this.#options.onFound?.(found);
      if (targets.length === 0) throw notFound(vm, found);
      if (targets.length > MAX_PODS) throw ambiguous(vm, targets, 'they are too many');
      const opened = await opening;
      asker.gone?.throwIfAborted();
      chosen = await inQuanta(() => this.#choose(vm, opened, targets, asker));
      return chosen;
    } finally {
      for (const target of targets) if (target !== chosen?.pinned) target[Symbol.dispose]();
    }
  }

  async #choose(
    vm: VmIdentity,
    opened: OpenedSecret,
    targets: readonly PinnedTarget[],
    asker: Asker,
  ): Promise<AuthorizedTarget> {
    const { tokens } = this.#options;
    const review = opened.token === null ? null : ((await tokens?.review(opened.token)) ?? null);
    const checks = targets.map(async (pinned) => {
      const outcome = await (review === null
        ? this.#check(vm, pinned, opened, { isOnly: targets.length === 1, asker })
        : this.#checkToken(pinned, review));
      return outcome instanceof Refusal ? outcome.about(pinned.target.podUid) : outcome;
    });
    // All of them to their end, also where one fails: the fds of their targets are in use until then.
    await Promise.allSettled(checks);
    // What was not read for that says nothing about the pods.
    asker.gone?.throwIfAborted();
    const outcomes = await Promise.all(checks);
    const matches: AuthorizedTarget[] = [];
    const refusals: Refusal[] = [];
    for (const outcome of outcomes)
      if (outcome instanceof Refusal) refusals.push(outcome);
      else matches.push(outcome);
    const [match] = matches;
    if (match !== undefined && matches.length === 1) return match;
    const unavailable = refusals.find(({ code }) => code === 'kubernetes-unavailable');
    if (match === undefined && unavailable !== undefined) throw unavailable;
    if (match !== undefined) throw ambiguous(vm, targets, 'more than one of them holds the secret');
    // Of several pods, the VM's is the one that holds the secret, even where the secret no longer counts.
    const decisive =
      refusals.length === 1 ? refusals : refusals.filter(({ code }) => code === 'secret-expired');
    const [refusal] = decisive;
    if (refusal !== undefined && decisive.length === 1) throw refusal;
    const busy = refusals.find(({ code }) => code === 'busy');
    if (busy !== undefined) throw busy;
    const details = new Set(refusals.map(({ detail, message }) => detail ?? message));
    throw ambiguous(vm, targets, 'none of them holds the secret of the domain', {
      detail: [...details].join('; '),
    });
  }

  async #check(
    vm: VmIdentity,
    pinned: PinnedTarget,
    opened: OpenedSecret,
    { isOnly, asker }: { readonly isOnly: boolean; readonly asker: Asker },
  ): Promise<AuthorizedTarget | Refusal> {
    const { launcher, target } = pinned;
    const { reader, ledger, lifetimeMs, tokenLifetimeMs } = this.#options;
    try {
      const { credentials, podUid: pod } = target;
      const owner = { directory: launcher.directory, credentials, podUid: pod, asker };
      const held = await (isOnly
        ? this.#held.readOnly(owner)
        : this.#held.readOneOf(owner, target, opened.secret));
      // The reading took time: what was read must still be the file of that very process.
      if (!launcher.isAlive()) return launcherEnded(target.pid);
      const podUid = target.podUid ?? target.containerId;
      const tokenUser = tokenOwner(podUid ?? '', vm.uuid);
      const validUntil = judgeSecret({
        opened,
        held: held.secret,
        isUsedElsewhere: ({ id }) => ledger?.isForeign(id, tokenUser) ?? false,
        secretFile: reader.secretFile,
        expiresAtFile: reader.expiresAtFile,
        expiresAt: held.expiresAt,
        now: Date.now(),
        containerAge: (os.uptime() - target.init.startTime / TICKS_PER_SECOND) * 1000,
        lifetime: lifetimeMs,
        vmUuid: vm.uuid,
        podUid,
        longestLifetime: tokenLifetimeMs,
      });
      return { pinned, validUntil, claim: () => this.#claim(opened, tokenUser) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // The file of a pod that ended cannot be read either: say what is behind it.
      return launcher.isAlive() ? error : launcherEnded(target.pid);
    }
  }

  /** Nothing is read in the pod: that the token is bound to it, Kubernetes says. */
  async #checkToken(pinned: PinnedTarget, review: TokenReview): Promise<AuthorizedTarget | Refusal> {
    const { launcher, target } = pinned;
    try {
      const fault = (await this.#options.tokens?.faultFor(review, target)) ?? null;
      if (fault !== null) return tokenMismatch(fault);
      // Kubernetes was waited for: what it vouches for must still be the pod of that very process.
      if (!launcher.isAlive()) return launcherEnded(target.pid);
      return { pinned, validUntil: new Date(review.expiresAt), claim: () => Promise.resolve() };
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }

  async #claim({ claims }: OpenedSecret, owner: string): Promise<void> {
    const { ledger, reader } = this.#options;
    if (claims === null || ledger === null) return;
    await inQuanta(async () => {
      const { id, expiresAt } = claims;
      if (!(await ledger.claim({ id, owner, expiresAt })))
        throw secretMismatch(reader.secretFile, replayDetail);
    });
  }
}

function describeTargets({ targets }: FoundTargets): string {
  return targets.map(({ target: { pid, startTime } }) => `${pid} ${startTime}`).join(' ');
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}

/** Hands on what comes of an action, but not how long it took to find a secret wrong. */
async function inQuanta<Result>(action: () => Promise<Result>): Promise<Result> {
  const begin = performance.now();
  try {
    return await action();
  } catch (error) {
    const isWrongSecret =
      error instanceof Refusal && (error.code === 'secret-mismatch' || error.code === 'target-ambiguous');
    if (isWrongSecret) await waitForQuantum(begin);
    throw error;
  }
}

function launcherEnded(pid: number): Refusal {
  return new Refusal(
    'target-gone',
    `Cannot start the VM: the virt-launcher of its pod (process ${pid}) ended meanwhile`,
    'start the VM again when the pod is running',
  );
}
