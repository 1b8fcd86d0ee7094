import { Refusal } from '../errors.ts';
import { FairQueue, type Asker } from '../fair-queue.ts';
import type { HostView } from '../host/host-view.ts';
import type { LauncherIndex } from '../host/launcher-index.ts';
import type { SecondOpinion } from '../kubernetes/second-opinion.ts';
import type { MachineRegistry } from '../machines/machine-registry.ts';
import type { LaunchSettings } from '../profiles/profile.ts';
import type { StubProfiles } from '../profiles/stub-profiles.ts';
import { quoteText } from '../quote-text.ts';
import type { PodSecretReader } from '../secret/pod-secret-reader.ts';
import type { Secret } from '../secret/secret.ts';
import { nearLauncher } from '../target/near-launcher.ts';
import type { VmIdentity } from '../target/target.ts';
import { alreadyRunning, findRunning } from './already-running.ts';
import type { Candidate, ExplainedStep, Explanation, StepVerdict } from './explanation.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { placeOfPlan, planLaunch, type LaunchPolicy } from './plan-launch.ts';
import { requestIdentity, type IdentitySource } from './request-identity.ts';
import type { TargetAuthorizer } from './target-authorizer.ts';
import { notFound, type FoundTargets, type TargetFinder } from './target-finder.ts';
import { waitInLine } from './wait-in-line.ts';

export interface LaunchExplainerOptions {
  readonly host: HostView;
  readonly index: Pick<LauncherIndex, 'list'>;
  readonly finder: TargetFinder;
  readonly authorizer: TargetAuthorizer;
  readonly secretReader: PodSecretReader;
  /** `null`: Kubernetes is not asked. */
  readonly opinion: SecondOpinion | null;
  readonly registry: MachineRegistry;
  readonly profiles: StubProfiles;
  /** Where no profile is known. */
  readonly common: LaunchSettings;
  readonly policy: Omit<LaunchPolicy, 'emulator' | 'namespaces'>;
  readonly identity: IdentitySource;
}

/** A launch that might be. */
export interface LaunchQuestion {
  /** Variables of the domain, as libvirt would give them to the stub; without the secret. */
  readonly environment: readonly string[];
  /** The domain's own uuid and name, which libvirt puts on the command line. */
  readonly arguments: readonly string[];
  readonly secret: Secret | null;
  /** Path of the domain's `<emulator>`; null: it is not known. */
  readonly emulator: string | null;
}

interface ExplainedRequest {
  readonly argv: readonly Buffer[];
  readonly env: readonly Buffer[];
}

/** At once, and of one asker: each may hold fds of all pods that claim the VM, for as long as these take. */
const EXPLANATIONS = { total: 4, perKey: 2 } as const;
/** Of the launchers that are none of the VM, so many are shown. */
const MAX_NEAR = 16;

/** Walks through the decision of a launch by the parts that decide it, and starts nothing. */
export class LaunchExplainer {
  readonly #options: LaunchExplainerOptions;
  readonly #explanations = new FairQueue(EXPLANATIONS);

  constructor(options: LaunchExplainerOptions) {
    this.#options = options;
  }

  /** @throws Refusal `busy`, or the reason why the asker is gone */
  async explain(question: LaunchQuestion, asker: Asker): Promise<Explanation> {
    const steps: StepVerdict[] = [];
    const candidates: Candidate[] = [];
    const bytes = (texts: readonly string[]): readonly Buffer[] => texts.map((text) => Buffer.from(text));
    const request = { argv: bytes(question.arguments), env: bytes(question.environment) };

    const vm = attempt(steps, 'identity', () => requestIdentity(request, this.#options.identity).vm);
    if (vm === null) return { steps, candidates, secret: null };
    steps.push(
      ok(
        'identity',
        `the VM is ${quoteText(vm.uuid)}${vm.name === undefined ? '' : `, ${quoteText(vm.name)}`}`,
      ),
    );
    const settings = this.#explainProfile(question.emulator, steps);

    const explainPods = (): Promise<Explanation['secret']> =>
      this.#explainPods({ vm, question, request, settings, steps, candidates, asker });
    // By the asker alone: who asks about many VMs has no more than its share.
    const secret = await waitInLine(this.#explanations, asker.origin ?? '', explainPods, asker);
    return { steps, candidates, secret };
  }

  async #explainPods(context: {
    readonly vm: VmIdentity;
    readonly question: LaunchQuestion;
    readonly request: ExplainedRequest;
    readonly settings: LaunchSettings;
    readonly steps: StepVerdict[];
    readonly candidates: Candidate[];
    readonly asker: Asker;
  }): Promise<Explanation['secret']> {
    const { vm, question, request, settings, steps, candidates, asker } = context;
    const near = await this.#listNear(vm);
    const found = await this.#options.finder.find(vm, asker);
    const held = new Set(found.targets);
    const letGo = (kept: PinnedTarget | null): void => {
      for (const target of held) {
        if (target === kept) continue;
        held.delete(target);
        target[Symbol.dispose]();
      }
    };
    try {
      candidates.push(...describeCandidates(found), ...near);
      if (found.targets.length === 0) steps.push(refused('target', notFound(vm, found)));
      else steps.push(ok('target', describeTargets(found.targets)));
      const [only, ...others] = found.targets;
      let chosen = others.length === 0 ? (only ?? null) : null;
      let secret: Explanation['secret'] = null;
      if (question.secret === null) await this.#explainSecretFiles(found, steps, asker);
      else if (only !== undefined) {
        // The check pins them anew.
        letGo(chosen);
        const outcome = await this.#checkSecret(vm, question.secret, steps, asker);
        if (outcome instanceof Refusal) secret = outcome;
        else {
          held.add(outcome);
          chosen = outcome;
          secret = outcome.target;
        }
      }
      // What came of the secret is noted, also where nobody waits for the rest.
      if (chosen !== null && asker.gone?.aborted !== true)
        await this.#explainRest(vm, chosen, settings, request, steps);
      return secret;
    } finally {
      letGo(null);
    }
  }

  #explainProfile(emulator: string | null, steps: StepVerdict[]): LaunchSettings {
    const { profiles, common } = this.#options;
    if (emulator === null) {
      steps.push(skipped('profile', "no emulator is given: the node's settings are taken"));
      return common;
    }
    const begin = steps.length;
    const profile = attempt(steps, 'profile', () => profiles.findByPath(emulator));
    if (steps.length > begin) return common;
    if (profile === null) {
      // Of any other path, not even whether it is there: looking could take for ever, and tell what the caller may not see.
      steps.push(
        refused('profile', {
          message: `the emulator ${quoteText(emulator)} is no stub that is installed here`,
          remedy: 'set <emulator> of the domain to a stub below "emulators-directory"',
          code: null,
        }),
      );
      return common;
    }
    if (profile.launchUids.size === 0)
      steps.push(
        refused('profile', {
          message: 'nobody may launch by it: the node has none of its launch-users',
          remedy: 'add the user that libvirt runs QEMU as to "launch-users" in qemu-kube.conf',
          code: 'caller-not-allowed',
        }),
      );
    else
      steps.push(
        ok(
          'profile',
          `profile ${quoteText(profile.name)}, ${profile.mode} mode, emulator ${quoteText(profile.emulator)} of the pod, ` +
            `for uid ${[...profile.launchUids].join(', ')}`,
        ),
      );
    return profile;
  }

  /** Launchers that are none of the VM, but nearly. */
  async #listNear(vm: VmIdentity): Promise<readonly Candidate[]> {
    const near = (await this.#options.index.list()).flatMap(({ pid, commandLine }) => {
      const reason = nearLauncher(commandLine, vm);
      return reason === null ? [] : [{ podUid: null, containerId: null, pid, reason }];
    });
    return near.slice(0, MAX_NEAR);
  }

  /**
   * The outcome is the launch's: one line, whatever is wrong with the secret.
   *
   * @returns the pod that holds it; dispose it
   */
  async #checkSecret(
    vm: VmIdentity,
    secret: Secret,
    steps: StepVerdict[],
    asker: Asker,
  ): Promise<PinnedTarget | Refusal> {
    try {
      const { pinned, validUntil } = await this.#options.authorizer.authorize(vm, secret, asker);
      const { pid, podUid } = pinned.target;
      steps.push(
        ok(
          'secret',
          `it is that of pod ${podUid ?? `with process ${pid}`}, valid until ${validUntil.toISOString()}`,
        ),
      );
      return pinned;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      steps.push(refused('secret', error));
      return error;
    }
  }

  /** Without a secret to compare: whether the pods have one that could be. */
  async #explainSecretFiles({ targets }: FoundTargets, steps: StepVerdict[], asker: Asker): Promise<void> {
    const { secretReader } = this.#options;
    let refusal: Refusal | null = null;
    for (const { launcher, target } of targets)
      try {
        const { credentials, podUid } = target;
        await secretReader.readSecret({ directory: launcher.directory, credentials, podUid, asker });
        steps.push(
          skipped(
            'secret',
            `none is given to compare; the pod holds one in ${quoteText(secretReader.secretFile)}`,
          ),
        );
        return;
      } catch (error) {
        asker.gone?.throwIfAborted();
        if (!(error instanceof Refusal)) throw error;
        refusal ??= error;
      }
    if (refusal !== null) steps.push(refused('secret', refusal));
  }

  async #explainRest(
    vm: VmIdentity,
    pinned: PinnedTarget,
    settings: LaunchSettings,
    request: ExplainedRequest,
    steps: StepVerdict[],
  ): Promise<void> {
    const { opinion, registry, host, policy } = this.#options;
    const { target } = pinned;
    try {
      const said = await opinion?.check(target);
      if (said === undefined) steps.push(skipped('kubernetes', 'it is not asked: kubernetes = off'));
      else if (said === 'ok') steps.push(ok('kubernetes', 'it knows the pod, and lets a VM start in it'));
      else steps.push(skipped('kubernetes', 'it could not be asked, and need not be'));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      steps.push(refused('kubernetes', error));
    }
    const running = findRunning(registry, vm.uuid, target.podUid, false);
    steps.push(
      running === undefined
        ? ok('running', 'no QEMU of this VM runs here')
        : refused('running', alreadyRunning(running, target.podUid)),
    );
    const [uid = 0] = settings.launchUids;
    attempt(steps, 'plan', () => {
      const plan = planLaunch({
        launchId: 'explain',
        policy: { ...policy, emulator: settings.emulator, namespaces: settings.namespaces },
        request: { ...request, mode: settings.mode, fdCount: 0, cwd: Buffer.from('/') },
        caller: { credentials: { uid, gid: uid, groups: [] }, umask: 0o022, cpus: '0', limits: [] },
        domain: { directory: null, id: null, shortName: null, projections: [] },
        ...placeOfPlan(pinned, host),
        shimCgroups: [],
      });
      steps.push(
        ok(
          'plan',
          `${settings.mode} mode: ${plan.cgroups.length} cgroups, namespaces ${settings.namespaces.join(' ')}`,
        ),
      );
    });
  }
}

function describeCandidates({ targets, turnedDown }: FoundTargets): readonly Candidate[] {
  const usable = targets.map(({ target: { pid, podUid, containerId } }) => ({
    pid,
    podUid,
    containerId,
    reason: null,
  }));
  const others = { podUid: null, containerId: null };
  return [...usable, ...turnedDown.map(({ pid, reason }) => ({ ...others, pid, reason }))];
}

function describeTargets(targets: readonly PinnedTarget[]): string {
  const names = targets.map(
    ({ target }) => `process ${target.pid} of pod ${target.podUid ?? 'without a UID'}`,
  );
  return names.length === 1
    ? (names[0] ?? '')
    : `${names.length} pods claim the VM, and the secret decides: ${names.join(', ')}`;
}

/** What an action gives; null where it refuses, which becomes the verdict of the step. */
function attempt<Result>(steps: StepVerdict[], step: ExplainedStep, action: () => Result): Result | null {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    steps.push(refused(step, error));
    return null;
  }
}

function ok(step: ExplainedStep, message: string): StepVerdict {
  return { step, verdict: 'ok', message, remedy: null, code: null };
}

function skipped(step: ExplainedStep, message: string): StepVerdict {
  return { step, verdict: 'skipped', message, remedy: null, code: null };
}

function refused(
  step: ExplainedStep,
  { message, remedy, code }: Pick<StepVerdict, 'message' | 'remedy' | 'code'>,
): StepVerdict {
  return { step, verdict: 'refused', message, remedy, code };
}
