import { Refusal } from '../errors.ts';
import { cgroupDirectory, type CgroupHierarchy } from '../host/host-cgroups.ts';
import type { HostView } from '../host/host-view.ts';
import { quoteText } from '../quote-text.ts';
import type { SeccompFilter } from '../seccomp/load-filter.ts';
import type { PodUsers } from '../target/pod-users.ts';
import type { Namespaces, NamespaceKind, Target } from '../target/target.ts';
import type { Caller } from './caller.ts';
import { cpuMask } from './cpu-mask.ts';
import { joinedNamespaces } from './joined-namespaces.ts';
import type { LaunchPlan, PlannedNamespace, PlannedProjection } from './launch-plan.ts';
import type { LaunchRequest } from './launch-request.ts';
import type { LibvirtDomain } from './libvirt-domain.ts';
import { monitorFd } from './monitor-fd.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { planIdentity } from './plan-identity.ts';
import { emulatorEnvironment } from './request-identity.ts';

/** `CLONE_NEW*` of the kinds that can be joined. */
const namespaceFlags: Readonly<Partial<Record<NamespaceKind, number>>> = {
  mnt: 0x0002_0000,
  cgroup: 0x0200_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  user: 0x1000_0000,
  pid: 0x2000_0000,
  net: 0x4000_0000,
};

const MAX_PROJECTIONS = 64;

/** The part of the configuration that shapes a launch. */
export interface LaunchPolicy {
  readonly emulator: string;
  readonly namespaces: readonly NamespaceKind[];
  readonly stubGoneGraceMs: number;
  readonly podGoneGraceMs: number;
  readonly deadlineMs: number;
  readonly seccomp: SeccompFilter | null;
}

export interface PlanInput {
  readonly launchId: string;
  readonly policy: LaunchPolicy;
  readonly request: LaunchRequest;
  readonly caller: Pick<Caller, 'credentials' | 'umask' | 'cpus' | 'limits'>;
  readonly domain: LibvirtDomain;
  readonly target: Target;
  readonly cgroupText: Uint8Array;
  readonly oomScoreAdj: number;
  /** The pod's container has CAP_SYS_PTRACE. */
  readonly canTrace: boolean;
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly hostMountNamespace: string | null;
  /** Those of the pod; `null`: it has the node's. */
  readonly users: PodUsers | null;
  readonly shimCgroups: readonly string[];
}

/** What a plan takes from the pod, as it was when the decision was made, and from the node. */
export function placeOfPlan(
  { target, cgroupText, oomScoreAdj, canTrace, users }: PinnedTarget,
  { hierarchies, mountNamespace }: HostView,
): Pick<
  PlanInput,
  'target' | 'cgroupText' | 'oomScoreAdj' | 'canTrace' | 'users' | 'hierarchies' | 'hostMountNamespace'
> {
  return {
    target,
    cgroupText,
    oomScoreAdj,
    canTrace,
    users,
    hierarchies,
    hostMountNamespace: mountNamespace,
  };
}

function planNamespaces(
  kinds: readonly NamespaceKind[],
  namespaces: Namespaces,
): readonly PlannedNamespace[] {
  return kinds.map((kind) => {
    const flag = namespaceFlags[kind];
    const inode = namespaces[kind];
    if (flag !== undefined && inode !== undefined) return { flag, inode };
    // Never silently less than what is configured.
    throw new Refusal(
      'launch-failed',
      `Cannot join the ${kind} namespace of the pod: this kernel or this release has no way to`,
      'take it out of "namespaces"',
    );
  });
}

/** libvirt's files could only be given the pod's ids in a private copy of the pod's mounts. */
function checkUserNamespace({ policy, users }: PlanInput): void {
  if (users === null || policy.namespaces.includes('mnt')) return;
  throw new Refusal(
    'target-unusable',
    'Cannot enter the pod: it has a user namespace of its own, whose users have no files outside of its mount namespace',
    'add mnt to "namespaces", or let the pod use the users of the node ("hostUsers: true")',
  );
}

/**
 * In the pod's PID namespace what becomes QEMU is seen from the pod before its filter of system calls is loaded, and
 * CAP_SYS_PTRACE could keep it from that, dumpable or not.
 */
function checkPidNamespace({ policy, canTrace }: PlanInput): void {
  if (!policy.namespaces.includes('pid') || !canTrace) return;
  throw new Refusal(
    'target-unusable',
    'Cannot join the PID namespace of the pod: its container has CAP_SYS_PTRACE, and could take QEMU over before it runs',
    'take that capability from the pod, or pid out of "namespaces"',
  );
}

/** As the node sees them: the shim looks them up once it is in the node's mount namespace. */
function planCgroups({ target, hierarchies }: PlanInput): readonly string[] {
  return target.cgroups.map((membership) => {
    const directory = cgroupDirectory(hierarchies, membership);
    if (directory !== null) return directory;
    throw new Refusal(
      'launch-failed',
      `Cannot join the cgroup ${quoteText(membership.path)} of the pod: its hierarchy "${membership.hierarchy}" is not mounted`,
      'mount all cgroup hierarchies of the node below /sys/fs/cgroup',
    );
  });
}

function planProjections({ policy, domain }: PlanInput): readonly PlannedProjection[] {
  if (!policy.namespaces.includes('mnt')) return [];
  if (domain.projections.length > MAX_PROJECTIONS)
    throw new Refusal(
      'launch-failed',
      `Cannot show ${domain.projections.length} files of the domain in the pod: at most ${MAX_PROJECTIONS} are possible`,
      'remove devices from the domain, or name a common directory in "project"',
    );
  return domain.projections.map((path) => ({
    path,
    owned: path === domain.directory,
    optional: path !== domain.directory,
  }));
}

/**
 * Everything that the shim is to do, from what was asked, what was found and what is configured.
 *
 * @throws Refusal `launch-failed` when the pod has a cgroup or namespace that can't be joined from here, or when the domain
 *   has too many files; `target-unusable` when QEMU can't be, or would not be safe, in the pod
 */
export function planLaunch(input: PlanInput): LaunchPlan {
  const { policy, request, caller, target } = input;
  checkUserNamespace(input);
  checkPidNamespace(input);
  return {
    launchId: input.launchId,
    emulator: policy.emulator,
    arguments: request.argv.slice(1),
    environment: emulatorEnvironment(request.env),
    cwd: request.cwd,
    ...planIdentity({
      caller: caller.credentials,
      target: target.credentials,
      users: input.users,
      hasPodMounts: policy.namespaces.includes('mnt'),
    }),
    umask: caller.umask,
    limits: caller.limits,
    oomScoreAdj: input.oomScoreAdj,
    affinity: cpuMask(caller.cpus),
    namespaces: planNamespaces(joinedNamespaces(policy.namespaces, input.users !== null), target.namespaces),
    cgroups: planCgroups(input),
    cgroupText: input.cgroupText,
    projections: planProjections(input),
    fdCount: request.fdCount,
    stubGoneGraceMs: policy.stubGoneGraceMs,
    podGoneGraceMs: policy.podGoneGraceMs,
    deadlineMs: policy.deadlineMs,
    shimCgroups: input.shimCgroups,
    hostMountNamespace: input.hostMountNamespace,
    monitorFd: policy.namespaces.includes('pid') ? monitorFd(request.argv) : null,
    seccomp: policy.seccomp,
  };
}
