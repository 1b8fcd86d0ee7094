import { Refusal } from '../errors.ts';
import { cgroupDirectory, type CgroupHierarchy } from '../host/host-cgroups.ts';
import type { Credentials, Namespaces, NamespaceKind, Target } from '../target/target.ts';
import type { Caller } from './caller.ts';
import { cpuMask } from './cpu-mask.ts';
import type { LaunchPlan, PlannedNamespace, PlannedProjection } from './launch-plan.ts';
import type { LaunchRequest } from './launch-request.ts';
import type { LibvirtDomain } from './libvirt-domain.ts';
import { emulatorEnvironment } from './request-identity.ts';

/** `CLONE_NEW*` of the kinds that can be joined. */
const namespaceFlags: Readonly<Partial<Record<NamespaceKind, number>>> = {
  mnt: 0x0002_0000,
  cgroup: 0x0200_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  net: 0x4000_0000,
};

const MAX_GROUPS = 256;

/** The part of the configuration that shapes a launch. */
export interface LaunchPolicy {
  readonly emulator: string;
  readonly namespaces: readonly NamespaceKind[];
  readonly stubGoneGraceMs: number;
  readonly podGoneGraceMs: number;
  readonly deadlineMs: number;
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
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly hostMountNamespace: string | null;
  readonly shimCgroups: readonly string[];
}

function planNamespaces(
  kinds: readonly NamespaceKind[],
  namespaces: Namespaces,
): readonly PlannedNamespace[] {
  return kinds.flatMap((kind) => {
    const flag = namespaceFlags[kind];
    const inode = namespaces[kind];
    return flag === undefined || inode === undefined ? [] : [{ flag, inode }];
  });
}

/** The pod's fsGroup is among its supplementary groups; root's group is no way to share a volume. */
function planGroups(caller: Credentials, target: Credentials): readonly number[] {
  const shared = target.groups.filter((group) => group !== 0);
  return [...new Set([...caller.groups, ...shared])].slice(0, MAX_GROUPS);
}

/** As the node sees them: the shim looks them up once it is in the node's mount namespace. */
function planCgroups({ target, hierarchies }: PlanInput): readonly string[] {
  return target.cgroups.map((membership) => {
    const directory = cgroupDirectory(hierarchies, membership);
    if (directory !== null) return directory;
    throw new Refusal(
      'launch-failed',
      `Cannot join the cgroup "${membership.path}" of the pod: its hierarchy "${membership.hierarchy}" is not mounted`,
      'mount all cgroup hierarchies of the node below /sys/fs/cgroup',
    );
  });
}

function planProjections({ policy, domain }: PlanInput): readonly PlannedProjection[] {
  if (!policy.namespaces.includes('mnt')) return [];
  return domain.projections.map((path) => ({
    path,
    owned: path === domain.directory,
    optional: path !== domain.directory,
  }));
}

/**
 * Everything that the shim is to do, from what was asked, what was found and what is configured.
 *
 * @throws Refusal when the pod is in a cgroup that can't be joined from here
 */
export function planLaunch(input: PlanInput): LaunchPlan {
  const { policy, request, caller, target } = input;
  return {
    launchId: input.launchId,
    emulator: policy.emulator,
    arguments: request.argv.slice(1),
    environment: emulatorEnvironment(request.env),
    cwd: request.cwd,
    uid: caller.credentials.uid,
    gid: caller.credentials.gid,
    groups: planGroups(caller.credentials, target.credentials),
    umask: caller.umask,
    limits: caller.limits,
    oomScoreAdj: input.oomScoreAdj,
    affinity: cpuMask(caller.cpus),
    namespaces: planNamespaces(policy.namespaces, target.namespaces),
    cgroups: planCgroups(input),
    cgroupText: input.cgroupText,
    projections: planProjections(input),
    fdCount: request.fdCount,
    stubGoneGraceMs: policy.stubGoneGraceMs,
    podGoneGraceMs: policy.podGoneGraceMs,
    deadlineMs: policy.deadlineMs,
    shimCgroups: input.shimCgroups,
    hostMountNamespace: input.hostMountNamespace,
  };
}
