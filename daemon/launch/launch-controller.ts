import { setTimeout as delay } from 'node:timers/promises';

import { Refusal } from '../errors.ts';
import type { HostView } from '../host/host-view.ts';
import type { Machine } from '../machines/machine.ts';
import type { MachineRegistry } from '../machines/machine-registry.ts';
import type { MachineSupervisor } from '../machines/machine-supervisor.ts';
import type { SecondOpinion } from '../kubernetes/second-opinion.ts';
import { ReportedFailure } from '../machines/reported-failure.ts';
import type { VmIdentity } from '../target/target.ts';
import { alreadyRunning, findRunning } from './already-running.ts';
import type { Caller } from './caller.ts';
import type { CallerPolicy } from './caller-policy.ts';
import { checkMode } from './check-mode.ts';
import type { ExecHandOver } from './exec-hand-over.ts';
import type { ForkHandOver } from './fork-hand-over.ts';
import { joinedNamespaces } from './joined-namespaces.ts';
import { launchEnding, type LaunchConnection } from './launch-connection.ts';
import type { LaunchAuthorizer } from './launch-authorizer.ts';
import type { LaunchLock } from './launch-lock.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { LaunchRequest } from './launch-request.ts';
import { isIncoming } from './is-incoming.ts';
import { libvirtDomain, type LibvirtDomain, type LibvirtPaths } from './libvirt-domain.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { placeOfPlan, planLaunch, type LaunchPolicy } from './plan-launch.ts';
import { requestIdentity, type IdentitySource } from './request-identity.ts';
import type { AppliedSettings, StubSettings } from './stub-settings.ts';
import type { AuthorizedTarget } from './target-authorizer.ts';

const PREDECESSOR_WAIT_MS = 2000;
const PREDECESSOR_INTERVAL_MS = 10;

export interface LaunchControllerOptions {
  readonly host: HostView;
  readonly authorizer: LaunchAuthorizer;
  readonly lock: LaunchLock;
  /** `null`: Kubernetes is not asked. */
  readonly opinion: SecondOpinion | null;
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
  /** Notes that a launch is allowed; throws where it may not go on unless that is noted. */
  readonly onAllowed: (connection: LaunchConnection, caller: Caller) => void;
}

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
    const { trail, gone } = connection;
    trail.mode = request.mode;
    trail.enter('identity');
    trail.clock.enter('identify');
    const settings = this.#options.settings.of(caller);
    await this.#options.callers.check(caller, settings);
    gone.throwIfAborted();
    checkMode(request.mode, settings, caller);
    const { vm, secret } = requestIdentity(request, this.#options.identity);
    if (secret === null)
      throw new Refusal(
        'secret-not-given',
        'Cannot launch the VM: its domain carries no secret',
        'add <qemu:env name="KUBEVIRT_IO_SECRET" value="…"/> to the domain',
      );
    trail.vm = vm;
    trail.enter('target');
    this.#options.lock.anticipate([request.mode]);
    const authorized = await this.#options.authorizer.authorize(vm, secret, connection);
    const { target } = authorized.pinned;
    trail.pod = target;
    try {
      gone.throwIfAborted();
      // Part of who asks, but not looked for before the secret was right: it takes more than any other check here.
      trail.enter('identity');
      const domain = libvirtDomain(request, this.#options.paths);
      trail.enter('kubernetes');
      const { opinion } = this.#options;
      if (opinion !== null) trail.clock.enter('kubernetes');
      trail.kubernetes = (await opinion?.check(target)) ?? null;
      gone.throwIfAborted();
      trail.enter('running');
      trail.clock.enter('reserve');
      return await this.#start({ request, caller, connection, vm, domain, settings }, authorized);
    } finally {
      authorized.pinned[Symbol.dispose]();
    }
  }

  async #start(demand: Demand, authorized: AuthorizedTarget): Promise<LaunchResult> {
    const { authorizer, registry, lock } = this.#options;
    const { pinned } = authorized;
    const { request, vm, connection } = demand;
    const { podUid } = pinned.target;
    const find = (): Machine | undefined => findRunning(registry, vm.uuid, podUid, isIncoming(request.argv));
    const checkFree = (): void => {
      const running = find();
      if (running !== undefined) throw alreadyRunning(running, podUid);
      connection.gone.throwIfAborted();
    };
    await this.#predecessorEnded(find, connection.gone);
    checkFree();
    // Here, and not where it would hold up this whole process: in making or joining a cgroup.
    const locked = lock.begin(request.mode);
    // It takes time, in which another launch may have got here.
    await authorizer.claim(authorized);
    connection.trail.clock.enter('lock');
    await lock.wait(locked);
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

  /** libvirt may start a VM again the moment its stub has ended: a little before the shim's word reaches us. */
  async #predecessorEnded(find: () => Machine | undefined, gone: AbortSignal): Promise<void> {
    const { supervisor } = this.#options;
    const deadline = performance.now() + PREDECESSOR_WAIT_MS;
    for (;;) {
      const machine = find();
      if (machine === undefined || supervisor.runs(machine) || performance.now() >= deadline) return;
      await delay(PREDECESSOR_INTERVAL_MS);
      gone.throwIfAborted();
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
