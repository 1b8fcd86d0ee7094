import { randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { readEngineSeccomp } from './engine-seccomp.ts';
import { RuncContainer } from './runc-container.ts';
import type { SandboxMount } from './sandbox-spec.ts';
import { bind, hiddenPaths, kernelMounts, listSystemLinks, listSystemMounts } from './sandbox-spec.ts';
import type { Scratch } from './scratch.ts';

/** What container runtimes give to a container that asks for nothing. */
const defaultCapabilities: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

export interface ServiceContainerOptions {
  readonly name: string;
  readonly argv: readonly string[];
  readonly mounts: readonly SandboxMount[];
  /** Namespaces that it does not share with the node; it always has a mount namespace of its own. */
  readonly namespaces: readonly ('pid' | 'network' | 'ipc' | 'uts' | 'cgroup')[];
  /** Beside those of every container. */
  readonly capabilities?: readonly string[];
  /** It has a user namespace of its own, whose ids are the node's. */
  readonly ownUsers?: boolean;
  /** It has what Kubernetes gives to a container that asks for these capabilities alone, and a root to read only. */
  readonly confined?: boolean;
}

/** A service of the node in a container: libvirt, or the daemon. Made by `startServiceContainer`. */
export class ServiceContainer extends RuncContainer {
  readonly #cgroup: string;

  constructor(scratch: Scratch, id: string) {
    super(scratch, { id, directory: join(scratch.directory, id) });
    this.#cgroup = `/${scratch.id}/${id}`;
  }

  /** Called once, by `startServiceContainer`. */
  async start(scratch: Scratch, id: string, options: ServiceContainerOptions): Promise<void> {
    const rootfs = join(scratch.directory, id, 'rootfs');
    for (const directory of ['usr', 'etc', 'proc', 'sys', 'dev', 'run', 'var/tmp', 'tmp'])
      mkdirSync(join(rootfs, directory), { recursive: true });
    for (const [path, target] of listSystemLinks()) symlinkSync(target, join(rootfs, path));
    symlinkSync('/run', join(rootfs, 'var/run'));
    scratch.record({ kind: 'cgroup', path: `/${scratch.id}` });
    await this.run(buildServiceSpec(rootfs, this.#cgroup, options));
  }

  override async remove(): Promise<void> {
    await super.remove();
    await removeCgroup(this.#cgroup);
  }
}

function buildServiceSpec(rootfs: string, cgroupsPath: string, options: ServiceContainerOptions): object {
  const { confined = false, capabilities: wanted = [] } = options;
  const capabilities = confined ? wanted : [...defaultCapabilities, ...wanted];
  const whole = [{ containerID: 0, hostID: 0, size: 4_294_967_295 }];
  const mounts = [...listSystemMounts(), { source: '/etc', destination: '/etc', readOnly: true }];
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: confined },
    process: {
      user: { uid: 0, gid: 0 },
      args: options.argv,
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/',
      noNewPrivileges: false,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    mounts: [...kernelMounts, ...[...mounts, ...options.mounts].map(bind)],
    linux: {
      cgroupsPath,
      namespaces: ['mount', ...options.namespaces, ...(options.ownUsers === true ? ['user'] : [])].map(
        (type) => ({ type }),
      ),
      ...(options.ownUsers === true && { uidMappings: whole, gidMappings: whole }),
      ...(confined && { ...hiddenPaths, seccomp: readEngineSeccomp(wanted) ?? undefined }),
    },
  };
}

/** Starts a container. It is removed when the scratch closes, also where this fails half-way. */
export async function startServiceContainer(
  scratch: Scratch,
  options: ServiceContainerOptions,
): Promise<ServiceContainer> {
  const id = `${options.name}-${randomBytes(4).toString('hex')}`;
  const container = new ServiceContainer(scratch, id);
  scratch.defer(`remove the container "${id}"`, () => container.remove());
  await container.start(scratch, id, options);
  return container;
}
