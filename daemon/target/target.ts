/** The namespace kinds of `/proc/PID/ns`, in the order in which they are reported. */
export const namespaceKinds = ['mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid', 'user', 'time'] as const;

export type NamespaceKind = (typeof namespaceKinds)[number];

/** Inode number of each namespace; `time` is absent on kernels without time namespaces. */
export type Namespaces = Readonly<Partial<Record<NamespaceKind, number>>>;

/** One line of `/proc/PID/cgroup`. */
export interface CgroupMembership {
  /** Controllers of a v1 hierarchy as the kernel lists them (`cpu,cpuacct`, `name=systemd`); `''` for v2. */
  readonly hierarchy: string;
  /** Path below the root of that hierarchy, as the node sees it. */
  readonly path: string;
}

/** A process that cannot be mistaken for another: `startTime` is in clock ticks since boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: number;
  /** Of its pidfds, where the kernel gives each process one of its own: two that start in one tick differ in it. */
  readonly inode?: number;
}

/** User and groups of a process, as the node's user namespace numbers them. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** What a caller says about the VM it means. */
export interface VmIdentity {
  readonly uuid: string;
  readonly name?: string;
}

/** The process of a pod whose namespaces and cgroups a VM is to share. */
export interface Target extends ProcessIdentity {
  /** Kubernetes pod UID; `null` only with `require-pod = no`. */
  readonly podUid: string | null;
  /** Container ID as in the cgroup path; `null` only with `require-pod = no`. */
  readonly containerId: string | null;
  readonly vm: { readonly uuid?: string; readonly name?: string };
  /** The first process of the target's container: when it ends, so does the VM. */
  readonly init: ProcessIdentity;
  readonly namespaces: Namespaces;
  readonly cgroups: readonly CgroupMembership[];
  readonly credentials: Credentials;
}
