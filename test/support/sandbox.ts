import { randomBytes, randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  findCgroup,
  listCgroupProcesses,
  listCgroupTree,
  listCgroupParents,
  removeCgroup,
} from './cgroups.ts';
import { Cleanups } from './cleanups.ts';
import type { ProcessIdentity } from './processes.ts';
import { endProcess } from './processes.ts';
import { runCommand, type CommandResult } from './run-command.ts';
import { RuncContainer } from './runc-container.ts';
import type { SandboxMount, SandboxUser } from './sandbox-spec.ts';
import { buildSandboxSpec, listSystemLinks } from './sandbox-spec.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

const fixtures = join(import.meta.dirname, '../fixtures/build');

export interface SandboxOptions {
  readonly vmUuid: string;
  readonly vmName: string;
  readonly podUid?: string;
  /** The launcher's whole command line; argv[0] is `virt-launcher`, `virt-launcher-monitor` or `pause`. */
  readonly argv?: readonly string[];
  /** By default 107:107, as KubeVirt's launcher. */
  readonly user?: SandboxUser;
  /** Text of the secret's file; false: no such file. By default 32 random bytes in base64. */
  readonly secret?: string | false;
  /** Text of the file `expires-at` beside the secret. */
  readonly expiresAt?: string;
  readonly readOnlyRoot?: boolean;
  /** The container's cgroup is a scope in slices of systemd, as where the kubelet's cgroup driver is `systemd`. */
  readonly systemdCgroup?: boolean;
  /** Of its container, such as CAP_SYS_PTRACE; by default none. */
  readonly capabilities?: readonly string[];
  /** Of AppArmor, loaded already; by default the container is unconfined. */
  readonly apparmorProfile?: string;
  /** The pod has a user namespace (`hostUsers: false`), whose ids from 0 on are those of the node from here on. */
  readonly firstUserId?: number;
  /** With it: the secret's files belong to 0 and up on their file system, and are the pod's by an idmapped mount. */
  readonly idmappedSecret?: boolean;
  /** `linux.seccomp` of the container; by default it has no filter. */
  readonly seccomp?: object;
  /** False: the root has no /var/lib/libvirt/qemu and no /run/libvirt/qemu. */
  readonly libvirtMountPoints?: boolean;
  readonly mounts?: readonly SandboxMount[];
  /** What the launcher serves over HTTP on 127.0.0.1 in its network namespace, to whoever asks for any path. */
  readonly listener?: { readonly port: number; readonly body: Uint8Array };
  /** Start as `virt-launcher-monitor`, with virt-launcher as its child. */
  readonly monitor?: boolean;
  /** The launcher has a child that ended and is never reaped; use it with another `argv[0]`. */
  readonly zombie?: boolean;
}

/**
 * What Kubernetes makes of a virt-launcher pod, without Kubernetes: one runc container in a pod's cgroup, with
 * namespaces of its own, a virt-launcher in it, and a Secret volume. Made by `startSandbox`.
 */
export class Sandbox {
  readonly podUid: string;
  readonly containerId: string;
  readonly vmUuid: string;
  readonly vmName: string;
  /** The secret that the pod holds; undefined where it has none. */
  readonly secret: string | undefined;
  /** The container's root directory on the host; its mounts are visible only inside. */
  readonly rootfs: string;
  readonly #directory: string;
  readonly #container: RuncContainer;
  readonly #isSystemd: boolean;

  constructor(scratch: Scratch, options: SandboxOptions) {
    this.podUid = options.podUid ?? randomUUID();
    this.containerId = randomBytes(32).toString('hex');
    this.vmUuid = options.vmUuid;
    this.vmName = options.vmName;
    this.secret =
      options.secret === false ? undefined : (options.secret ?? randomBytes(32).toString('base64'));
    scratch.watch.note(this.secret);
    this.#directory = join(scratch.directory, `pod-${this.containerId.slice(0, 12)}`);
    this.rootfs = join(this.#directory, 'rootfs');
    this.#isSystemd = options.systemdCgroup ?? false;
    this.#container = new RuncContainer(scratch, {
      id: this.containerId,
      directory: this.#directory,
      systemdCgroup: this.#isSystemd,
    });
  }

  /** The pod's cgroup, the parent of the container's, as a path in every hierarchy. */
  get podCgroup(): string {
    if (this.#isSystemd) return `/kubepods.slice/kubepods-besteffort.slice/${this.#podSlice}`;
    return `/kubepods/besteffort/pod${this.podUid}`;
  }

  get cgroup(): string {
    if (this.#isSystemd) return `${this.podCgroup}/cri-containerd-${this.containerId}.scope`;
    return `${this.podCgroup}/${this.containerId}`;
  }

  /** A dash in the name of a slice stands for a level of its path. */
  get #podSlice(): string {
    return `kubepods-besteffort-pod${this.podUid.replaceAll('-', '_')}.slice`;
  }

  /** What the pod sees, read-only, as /etc/kubevirt/node-driver. */
  get secretDirectory(): string {
    return join(this.#directory, 'secret');
  }

  /** The container's first process, with its pid on the host. */
  get init(): ProcessIdentity {
    return this.#container.init;
  }

  get pid(): number {
    return this.init.pid;
  }

  /** Pids on the host of all processes in the pod's cgroups, each once. */
  get processes(): readonly number[] {
    const directories = findCgroup(this.podCgroup).flatMap(listCgroupTree);
    return [...new Set(directories.flatMap(listCgroupProcesses))].sort((a, b) => a - b);
  }

  /** The request lines that the listener answered. */
  get hits(): readonly string[] {
    const path = join(this.#directory, 'share/hits');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  }

  /** Makes the files and starts the container. Called once, by `startSandbox`. */
  async start(scratch: Scratch, options: SandboxOptions): Promise<void> {
    for (const path of listCgroupParents(this.podCgroup)) scratch.claimDirectory(path);
    scratch.record({ kind: 'cgroup', path: this.podCgroup });
    const user = options.user ?? { uid: 107, gid: 107 };
    this.#makeRoot(options);
    this.#makeSecret(options, user);
    this.#makeShare(options, user);
    const spec = buildSandboxSpec({
      hostname: `virt-launcher-${options.vmName}`,
      rootfs: this.rootfs,
      readOnlyRoot: options.readOnlyRoot ?? false,
      cgroupsPath: this.#isSystemd ? `${this.#podSlice}:cri-containerd:${this.containerId}` : this.cgroup,
      user,
      argv: options.argv ?? this.#defaultArguments(options),
      environment: listEnvironment(options),
      mounts: [
        { source: this.secretDirectory, destination: '/etc/kubevirt/node-driver', readOnly: true },
        { source: join(this.#directory, 'share'), destination: '/share' },
        ...(options.mounts ?? []),
      ],
      capabilities: options.capabilities,
      apparmorProfile: options.apparmorProfile,
      seccomp: options.seccomp,
      firstUserId: options.firstUserId,
    });
    if (options.firstUserId !== undefined)
      for (const [path, { uid, gid }] of [
        [this.rootfs, { uid: 0, gid: 0 }],
        [join(this.#directory, 'share'), user],
      ] as const)
        await runCommand('chown', ['-hR', `${options.firstUserId + uid}:${options.firstUserId + gid}`, path]);
    if (options.idmappedSecret === true)
      await runCommand(join(fixtures, 'idmapped-mount'), [String(options.firstUserId), this.secretDirectory]);
    await this.#container.run(spec);
  }

  /** Runs a command in the container, as its launcher's user unless told otherwise. */
  async exec(args: readonly string[], user?: SandboxUser): Promise<CommandResult> {
    return this.#container.exec(args, user === undefined ? [] : ['--user', `${user.uid}:${user.gid}`]);
  }

  /** Starts a process in the container that stays there; gives its pid on the host. */
  async execBackground(args: readonly string[]): Promise<ProcessIdentity> {
    return this.#container.execBackground(args);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#container.kill(signal);
  }

  /** Waits for the end of the container's first process. */
  async waitForEnd(timeout?: number): Promise<void> {
    await this.#container.waitForEnd(timeout);
  }

  /** `runc delete`, as a runtime does it once the container's first process has ended. */
  async delete(): Promise<void> {
    await this.#container.delete();
  }

  /** Removes all of it, from any state; a second call finds nothing to do. */
  async remove(): Promise<void> {
    const cleanups = new Cleanups();
    cleanups.defer("remove the pod's cgroups", () => removeCgroup(this.podCgroup));
    cleanups.defer('delete the container', () => this.#container.remove());
    await cleanups.run();
  }

  #defaultArguments(options: SandboxOptions): readonly string[] {
    const name = options.monitor === true ? 'virt-launcher-monitor' : 'virt-launcher';
    return [name, '-kubevirt.vm.uuid', options.vmUuid, '-kubevirt.vm.name', options.vmName];
  }

  #makeRoot(options: SandboxOptions): void {
    const directories = [
      'usr',
      'etc',
      'proc',
      'sys',
      'dev',
      'run',
      'var',
      'share',
      'launcher',
      'etc/kubevirt/node-driver',
    ];
    if (options.libvirtMountPoints !== false) directories.push('var/lib/libvirt/qemu', 'run/libvirt/qemu');
    for (const directory of [...directories, 'tmp'])
      mkdirSync(join(this.rootfs, directory), { recursive: true });
    chmodSync(join(this.rootfs, 'tmp'), 0o1777);
    for (const [path, target] of listSystemLinks()) symlinkSync(target, join(this.rootfs, path));
    symlinkSync('/run', join(this.rootfs, 'var/run'));
    writeFileSync(join(this.rootfs, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nqemu:x:107:107::/:/bin/false\n');
    writeFileSync(join(this.rootfs, 'etc/pod-uid'), `${this.podUid}\n`);
    copyFileSync(join(fixtures, 'virt-launcher'), join(this.rootfs, 'launcher/virt-launcher'));
    for (const name of ['virt-launcher-monitor', 'pause']) {
      symlinkSync('virt-launcher', join(this.rootfs, 'launcher', name));
    }
  }

  /** As the kubelet writes a Secret volume: files behind a link that is replaced at every change. */
  #makeSecret({ expiresAt, firstUserId, idmappedSecret }: SandboxOptions, user: SandboxUser): void {
    const directory = this.secretDirectory;
    const data = '..2024_01_01_00_00_00.0';
    mkdirSync(join(directory, data), { recursive: true, mode: 0o755 });
    symlinkSync(data, join(directory, '..data'));
    for (const [name, text] of [
      ['secret', this.secret],
      ['expires-at', expiresAt],
    ] as const) {
      if (text === undefined) continue;
      const path = join(directory, data, name);
      writeFileSync(path, text, { mode: 0o640 });
      chownSync(path, 0, user.gid + (idmappedSecret === true ? 0 : (firstUserId ?? 0)));
      symlinkSync(`..data/${name}`, join(directory, name));
    }
  }

  #makeShare({ listener }: SandboxOptions, user: SandboxUser): void {
    const directory = join(this.#directory, 'share');
    mkdirSync(directory, { mode: 0o755 });
    chownSync(directory, user.uid, user.gid);
    if (listener !== undefined) writeFileSync(join(directory, 'body'), listener.body, { mode: 0o644 });
  }
}

function listEnvironment({ listener, monitor, zombie }: SandboxOptions): Record<string, string> {
  return {
    PATH: '/launcher:/usr/sbin:/usr/bin',
    ...(listener && {
      LAUNCHER_LISTEN: String(listener.port),
      LAUNCHER_BODY: '/share/body',
      LAUNCHER_HITS: '/share/hits',
    }),
    ...(monitor === true && { LAUNCHER_MONITOR: '1' }),
    ...(zombie === true && { LAUNCHER_ZOMBIE: '1' }),
  };
}

/**
 * Starts a sandbox and comes back when its launcher runs. It is removed when the scratch closes, also where this
 * fails half-way.
 */
export async function startSandbox(scratch: Scratch, options: SandboxOptions): Promise<Sandbox> {
  const sandbox = new Sandbox(scratch, options);
  scratch.defer('remove the sandbox', () => sandbox.remove());
  await sandbox.start(scratch, options);
  return sandbox;
}

/** A launcher that is in no pod: an ordinary process in the root cgroup of every hierarchy. */
export async function startPodlessLauncher(
  scratch: Scratch,
  { vmUuid, vmName }: { readonly vmUuid: string; readonly vmName: string },
): Promise<ProcessIdentity> {
  const script =
    'while read -r _ root type _; do case $type in cgroup|cgroup2) echo $$ > "$root/cgroup.procs";; esac; ' +
    'done < /proc/mounts; exec "$@"';
  const launcher = join(scratch.directory, 'podless/virt-launcher');
  mkdirSync(dirname(launcher), { recursive: true });
  copyFileSync(join(fixtures, 'virt-launcher'), launcher);
  const identity = await scratch.startBackground(
    'sh',
    ['-c', script, 'sh', launcher, '-kubevirt.vm.uuid', vmUuid, '-kubevirt.vm.name', vmName],
    join(scratch.directory, 'podless/log'),
  );
  scratch.defer('end the launcher', () => endProcess(identity, 0));
  await waitUntil(
    'the launcher runs',
    () => (readFileSync(`/proc/${identity.pid}/cmdline`, 'utf8').startsWith(launcher) ? true : undefined),
    5000,
  );
  return identity;
}
