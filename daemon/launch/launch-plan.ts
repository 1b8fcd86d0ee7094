import type { SeccompFilter } from '../seccomp/load-filter.ts';

/** One namespace to join: `flag` as in `setns(2)`, `inode` as decided on. */
export interface PlannedNamespace {
  readonly flag: number;
  readonly inode: number;
}

/** A path of libvirt's mount namespace that QEMU has to see at the same place. */
export interface PlannedProjection {
  readonly path: string;
  /** It must be a directory that belongs to the caller. */
  readonly owned: boolean;
  /** Nothing happens when it does not exist. */
  readonly optional: boolean;
}

/** An id of a pod's user namespace, and what the node calls it. */
export interface PlannedId {
  readonly kind: 'user' | 'group';
  readonly id: number;
  readonly nodeId: number;
}

/** A resource limit; `null` means none. Not a number: the kernel's have 64 bits. */
export interface ResourceLimit {
  readonly resource: number;
  readonly soft: bigint | null;
  readonly hard: bigint | null;
}

/** Everything the shim needs to know. Pure data; `stub/plan.h` is its binary form. */
export interface LaunchPlan {
  readonly launchId: string;
  /** Path in the mount namespace that QEMU will have; also its argv[0]. */
  readonly emulator: string;
  /** Without argv[0]. */
  readonly arguments: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  readonly cwd: Uint8Array;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** With a user namespace of the pod: all of the ids above, which are the pod's then. Empty without. */
  readonly ids: readonly PlannedId[];
  readonly umask: number;
  readonly limits: readonly ResourceLimit[];
  readonly oomScoreAdj: number;
  /** Bit mask of the CPUs that QEMU may use, as `sched_setaffinity(2)` takes it; empty: leave it. */
  readonly affinity: Uint8Array;
  readonly namespaces: readonly PlannedNamespace[];
  /** Directories of the target's cgroup, one a hierarchy, in the node's mount namespace. */
  readonly cgroups: readonly string[];
  /** The target's `/proc/PID/cgroup` that the decision was made on. */
  readonly cgroupText: Uint8Array;
  readonly projections: readonly PlannedProjection[];
  readonly fdCount: number;
  readonly stubGoneGraceMs: number;
  readonly podGoneGraceMs: number;
  readonly deadlineMs: number;
  /** Directories of the shim's own cgroup, one a hierarchy, in the daemon's mount namespace. */
  readonly shimCgroups: readonly string[];
  readonly hostMountNamespace: string | null;
  /** The fd on which QEMU listens for libvirt, where its thread ids are to be translated. */
  readonly monitorFd: number | null;
  /** `null`: QEMU gets no filter of system calls. */
  readonly seccomp: SeccompFilter | null;
}
