import { existsSync, lstatSync, readlinkSync } from 'node:fs';

export interface SandboxUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups?: readonly number[];
}

export interface SandboxMount {
  readonly source: string;
  readonly destination: string;
  readonly readOnly?: boolean;
  /** Programs in it may be setuid. */
  readonly suid?: boolean;
}

export interface SandboxSpecInput {
  readonly hostname: string;
  readonly rootfs: string;
  readonly readOnlyRoot: boolean;
  readonly cgroupsPath: string;
  readonly user: SandboxUser;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly SandboxMount[];
  readonly capabilities?: readonly string[] | undefined;
  readonly apparmorProfile?: string | undefined;
  readonly seccomp?: object | undefined;
  /** The container has a user namespace, whose ids from 0 on are those of the node from here on. */
  readonly firstUserId?: number | undefined;
}

/** Where the host keeps programs and libraries: merged into /usr (links), or directories of their own. */
const systemDirectories = ['/bin', '/sbin', '/lib', '/lib64', '/lib32', '/libx32'].filter((path) =>
  existsSync(path),
);

/** Links to make in the root of a sandbox, so that the host's /usr serves it: `[path, target]`. */
export function listSystemLinks(): readonly (readonly [string, string])[] {
  return systemDirectories
    .filter((path) => lstatSync(path).isSymbolicLink())
    .map((path) => [path, readlinkSync(path)] as const);
}

/** The host's programs and libraries, read-only. */
export function listSystemMounts(): readonly SandboxMount[] {
  const directories = systemDirectories.filter((path) => !lstatSync(path).isSymbolicLink());
  return ['/usr', ...directories].map((path) => ({ source: path, destination: path, readOnly: true }));
}

export function bind({ source, destination, readOnly, suid }: SandboxMount): object {
  const options = [
    'rbind',
    'rprivate',
    suid === true ? 'suid' : 'nosuid',
    'nodev',
    readOnly === true ? 'ro' : 'rw',
  ];
  return { destination, type: 'bind', source, options };
}

export const kernelMounts: readonly object[] = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755'] },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
];

/** What container runtimes take out of the `/proc` of a container. */
export const hiddenPaths: object = {
  maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list'],
  readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
};

/** The OCI runtime configuration of a sandbox, as a container runtime of Kubernetes writes it for a pod's container. */
export function buildSandboxSpec(input: SandboxSpecInput): object {
  const none: readonly string[] = [];
  const own = input.capabilities ?? none;
  return {
    ociVersion: '1.0.2',
    hostname: input.hostname,
    root: { path: input.rootfs, readonly: input.readOnlyRoot },
    process: {
      user: { uid: input.user.uid, gid: input.user.gid, additionalGids: input.user.groups ?? [] },
      args: input.argv,
      env: Object.entries(input.environment).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      noNewPrivileges: true,
      ...(input.apparmorProfile !== undefined && { apparmorProfile: input.apparmorProfile }),
      capabilities: { bounding: own, effective: own, inheritable: none, permitted: own, ambient: none },
    },
    mounts: [...kernelMounts, ...[...listSystemMounts(), ...input.mounts].map(bind)],
    linux: {
      cgroupsPath: input.cgroupsPath,
      namespaces: [
        ...['mount', 'network', 'ipc', 'uts', 'pid', 'cgroup'],
        ...(input.firstUserId === undefined ? [] : ['user']),
      ].map((type) => ({ type })),
      ...(input.firstUserId !== undefined && {
        uidMappings: [{ containerID: 0, hostID: input.firstUserId, size: 65_536 }],
        gidMappings: [{ containerID: 0, hostID: input.firstUserId, size: 65_536 }],
      }),
      ...hiddenPaths,
      ...(input.seccomp !== undefined && { seccomp: input.seccomp }),
    },
  };
}
