import { setTimeout as delay } from 'node:timers/promises';

import { Refusal, type RefusalCode } from '../errors.ts';
import type { AttachLock } from '../host/attach-lock.ts';
import type { HostView } from '../host/host-view.ts';
import type { LaunchMode, Machine } from '../machines/machine.ts';
import type { MachineRegistry } from '../machines/machine-registry.ts';
import type { MachineSupervisor } from '../machines/machine-supervisor.ts';
import type { SecondOpinion } from '../kubernetes/second-opinion.ts';
import { ReportedFailure } from '../machines/reported-failure.ts';
import { resolvesWithin } from '../resolves-within.ts';
import type { Secret } from '../secret/secret.ts';
import type { VmIdentity } from '../target/target.ts';
import { alreadyRunning, findRunning } from './already-running.ts';
import type { Caller } from './caller.ts';
import type { CallerPolicy } from './caller-policy.ts';
import type { ExecHandOver } from './exec-hand-over.ts';
import type { ForkHandOver } from './fork-hand-over.ts';
import { joinedNamespaces } from './joined-namespaces.ts';
import { launchEnding, type LaunchConnection } from './launch-connection.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { LaunchRequest } from './launch-request.ts';
import { isIncoming } from './is-incoming.ts';
import { movesProcess } from './moves-process.ts';
import { libvirtDomain, type LibvirtDomain, type LibvirtPaths } from './libvirt-domain.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { placeOfPlan, planLaunch, type LaunchPolicy } from './plan-launch.ts';
import { requestIdentity, type IdentitySource } from './request-identity.ts';
import type { SecretTries } from './secret-tries.ts';
import { keyOf, type AppliedSettings, type StubSettings } from './stub-settings.ts';
import type { AuthorizedTarget, TargetAuthorizer } from './target-authorizer.ts';

const WAIT_INTERVAL_MS = 250;
const PREDECESSOR_WAIT_MS = 2000;
const PREDECESSOR_INTERVAL_MS = 10;
/** For the lock under which the kernel moves processes; where it takes as long, cgroups can't be made either. */
const LOCK_PATIENCE_MS = 5000;

export interface LaunchControllerOptions {
  readonly host: HostView;
  readonly authorizer: TargetAuthorizer;
  /** For launches in which a process goes from one cgroup to another: see {@link movesProcess}. */
  readonly attachLock: Pick<AttachLock, 'take' | 'takeUnlessFresh' | 'free'>;
  /** `null`: Kubernetes is not asked. */
  readonly opinion: SecondOpinion | null;
  /** `null`: wrong ones are not counted. */
  readonly secretTries: SecretTries | null;
  readonly registry: MachineRegistry;
  readonly supervisor: MachineSupervisor;
  readonly forkHandOver: ForkHandOver;
  readonly execHandOver: ExecHandOver;
  /** What differs by the stub that calls. */
  readonly settings: StubSettings;
  readonly callers: CallerPolicy;
  /** What is alike for all. */
  readonly policy: Omit<LaunchPolicy, 'emulator' | 'namespaces'>;
  readonly paths: LibvirtPaths;
  readonly identity: IdentitySource;
  /** How long to wait for a pod that is not there yet. */
  readonly targetWaitMs: number;
  /** Notes that a launch is allowed; throws where it may not go on unless that is noted. */
  readonly onAllowed: (connection: LaunchConnection, caller: Caller) => void;
  /** Told what came of the secret of each launch that got as far as having it checked. */
  readonly onSecretCheck: (result: 'valid' | 'refused' | 'failed') => void;
}

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
]);

/** What came of a launch that was allowed. */
export interface LaunchResult {
  readonly machine: Machine;
  /** False when the shim had to refuse, or the stub of exec mode could not enter: the stub knows why. */
  readonly started: boolean;
  readonly failure: string | null;
}

/** A request on its way: what is known before the pod is looked for. */
interface Demand {
  readonly request: LaunchRequest;
  readonly caller: Caller;
  readonly connection: LaunchConnection;
  readonly vm: VmIdentity;
  readonly domain: LibvirtDomain;
  readonly settings: AppliedSettings;
}

/** One launch from request to running QEMU: identity, target, secret, plan, shim. */
export class LaunchController {
  readonly #options: LaunchControllerOptions;

  constructor(options: LaunchControllerOptions) {
    this.#options = options;
  }

  /** @throws Refusal with the reason; the stub has not been told yet then */
  async launch(request: LaunchRequest, caller: Caller, connection: LaunchConnection): Promise<LaunchResult> {
    const { trail } = connection;
    trail.mode = request.mode;
    trail.enter('identity');
    trail.clock.enter('identify');
    const settings = this.#options.settings.of(caller);
    await this.#options.callers.check(caller, settings);
    checkMode(request.mode, settings);
    const { vm, secret } = requestIdentity(request, this.#options.identity);
    if (secret === null)
      throw new Refusal(
        'secret-not-given',
        'Cannot launch the VM: its domain carries no secret',
        'add <qemu:env name="KUBEVIRT_IO_SECRET" value="…"/> to the domain',
      );
    trail.vm = vm;
    const domain = libvirtDomain(request, this.#options.paths);
    trail.enter('target');
    if (movesProcess(request.mode, this.#options.host.hierarchies)) void this.#options.attachLock.take();
    const authorized = await this.#authorize(vm, secret, connection);
    const { target } = authorized.pinned;
    trail.pod = target;
    try {
      trail.enter('kubernetes');
      const { opinion } = this.#options;
      if (opinion !== null) trail.clock.enter('kubernetes');
      trail.kubernetes = (await opinion?.check(target)) ?? null;
      trail.enter('running');
      trail.clock.enter('reserve');
      return await this.#start({ request, caller, connection, vm, domain, settings }, authorized);
    } finally {
      authorized.pinned[Symbol.dispose]();
    }
  }

  async #authorize(vm: VmIdentity, secret: Secret, connection: LaunchConnection): Promise<AuthorizedTarget> {
    const { onSecretCheck, secretTries } = this.#options;
    try {
      const key = `${vm.uuid} ${connection.origin}`;
      const find = (): Promise<AuthorizedTarget> => this.#awaitTarget(vm, secret, connection);
      const authorized = await (secretTries?.count(key, find, isWrongSecret) ?? find());
      onSecretCheck('valid');
      return authorized;
    } catch (error) {
      if (!(error instanceof Refusal)) onSecretCheck('failed');
      else if (isWrongSecret(error)) onSecretCheck('refused');
      throw error;
    }
  }

  async #claim(claim: () => Promise<void>): Promise<void> {
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
        return await this.#options.authorizer.authorize(vm, secret, origin, clock);
      } catch (error) {
        const isWorthWaiting = error instanceof Refusal && worthWaiting.has(error.code);
        if (!isWorthWaiting || performance.now() >= deadline || gone.aborted) throw error;
        clock.enter('find');
        await delay(WAIT_INTERVAL_MS);
      }
    }
  }

  async #start(demand: Demand, { pinned, claim }: AuthorizedTarget): Promise<LaunchResult> {
    const { registry } = this.#options;
    const { request, vm, connection } = demand;
    const { podUid } = pinned.target;
    const find = (): Machine | undefined => findRunning(registry, vm.uuid, podUid, isIncoming(request.argv));
    const checkFree = (): void => {
      const running = find();
      if (running !== undefined) throw alreadyRunning(running, podUid);
      if (connection.gone.aborted)
        throw new Refusal('caller-gone', 'Cannot start the VM: libvirt ended the stub', 'start the VM again');
    };
    await this.#predecessorEnded(find);
    checkFree();
    const locked = this.#lock(request.mode);
    // It takes time, in which another launch may have got here.
    await this.#claim(claim);
    connection.trail.clock.enter('lock');
    await withinPatience(locked);
    connection.trail.clock.enter('reserve');
    checkFree();
    connection.trail.enter('plan');
    this.#options.onAllowed(connection, demand.caller);
    connection.trail.isAllowed = true;
    connection.trail.clock.enter('prepare');
    const machine = describeMachine(demand, pinned);
    try {
      const machineRunning = await (request.mode === 'exec'
        ? this.#sendIn(machine, demand, pinned)
        : this.#handOver(machine, demand, pinned));
      return { machine: machineRunning, started: true, failure: null };
    } catch (error) {
      // Its line names the launch, as do all our own that are about it.
      if (error instanceof ReportedFailure) {
        const failure = error.message.replace(launchEnding(machine.launchId), '');
        return { machine, started: false, failure };
      }
      throw error;
    }
  }

  /** Asked for here, and not where it would hold up this whole process: in making or joining a cgroup. Never rejects. */
  #lock(mode: LaunchMode): Promise<void> {
    const { attachLock, host } = this.#options;
    return movesProcess(mode, host.hierarchies) ? attachLock.takeUnlessFresh() : attachLock.free();
  }

  /** libvirt may start a VM again the moment its stub has ended: a little before the shim's word reaches us. */
  async #predecessorEnded(find: () => Machine | undefined): Promise<void> {
    const { supervisor } = this.#options;
    const deadline = performance.now() + PREDECESSOR_WAIT_MS;
    for (;;) {
      const machine = find();
      if (machine === undefined || supervisor.runs(machine) || performance.now() >= deadline) return;
      await delay(PREDECESSOR_INTERVAL_MS);
    }
  }

  #handOver(machine: Machine, demand: Demand, pinned: PinnedTarget): Promise<Machine> {
    const { caller, connection } = demand;
    return this.#options.forkHandOver.run({
      machine,
      plan: (shimCgroups) => this.#plan(machine, demand, pinned, shimCgroups),
      stub: caller.process,
      connection,
      pinned,
    });
  }

  /** Has the stub itself enter the pod. */
  #sendIn(machine: Machine, demand: Demand, pinned: PinnedTarget): Promise<Machine> {
    const { caller, connection } = demand;
    const namespaces = joinedNamespaces(demand.settings.namespaces, pinned.users !== null);
    const plan = this.#plan(machine, demand, pinned, []);
    connection.trail.enter('started');
    return this.#options.execHandOver.run({
      machine,
      plan,
      namespaces,
      stub: caller.process,
      connection,
      pinned,
    });
  }

  #plan(
    machine: Machine,
    { request, caller, domain, settings }: Demand,
    pinned: PinnedTarget,
    shimCgroups: readonly string[],
  ): LaunchPlan {
    const { host, policy } = this.#options;
    return planLaunch({
      launchId: machine.launchId,
      policy: { ...policy, emulator: settings.emulator, namespaces: settings.namespaces },
      request,
      caller,
      domain,
      ...placeOfPlan(pinned, host),
      shimCgroups,
    });
  }
}

/** @throws Refusal when it takes too long */
async function withinPatience(locked: Promise<void>): Promise<void> {
  if (await resolvesWithin(locked, LOCK_PATIENCE_MS)) return;
  throw new Refusal(
    'busy',
    'Cannot start the VM: the kernel lets no process go to another cgroup',
    'see what makes, moves or removes cgroups on this node, and start the VM again',
  );
}

function isWrongSecret(error: unknown): boolean {
  return error instanceof Refusal && secretRefusals.has(error.code);
}

function checkMode(asked: LaunchMode, { mode, profile }: AppliedSettings): void {
  if (asked === mode) return;
  throw new Refusal(
    'launch-failed',
    `Cannot launch in ${asked} mode: ${profile === null ? 'this node' : `profile "${profile}"`} is configured for ${mode} mode`,
    `install "${mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube'}" as the emulator, or set ` +
      `"${keyOf(profile, 'mode')} = ${asked}" in qemu-kube.conf`,
  );
}

function describeMachine(
  { request, caller, connection, vm, settings: { profile, emulator } }: Demand,
  { target }: PinnedTarget,
): Machine {
  return {
    launchId: connection.trail.launchId,
    vm,
    podUid: target.podUid,
    containerId: target.containerId,
    state: 'starting',
    mode: request.mode,
    ...(profile !== null && { profile }),
    emulator,
    stub: caller.identity,
    target: { pid: target.pid, startTime: target.startTime },
    namespaces: target.namespaces,
    cgroups: target.cgroups,
    createdAt: new Date().toISOString(),
  };
}
