import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listCgroupParents } from '../support/cgroups.ts';
import { readArguments } from '../support/processes.ts';
import type { SandboxMount } from '../support/sandbox-spec.ts';
import type { Cluster } from './cluster.ts';
import { buildImage } from '../support/image.ts';
import { writeOverlay } from './write-overlay.ts';

const image = ['localhost/kubevirt-node-driver', 'test'] as const;
const namespace = 'kubevirt-node-driver';
const daemonSet = 'daemonset/node-driver';

/** What the manifests put on a node. */
const directories = [
  '/run/kubevirt-node-driver',
  '/var/lib/kubevirt-node-driver',
  '/usr/local/lib/kubevirt-node-driver',
] as const;

/** The driver in a cluster, as its manifests install it: at the paths that it has on every node. */
export class InstalledDriver {
  readonly account = `system:serviceaccount:${namespace}:node-driver`;
  readonly emulator = '/usr/local/lib/kubevirt-node-driver/emulators/default/qemu-system-x86_64';
  readonly overlay: string;
  /** What a container of libvirt needs of the driver. */
  readonly libvirtMounts: readonly SandboxMount[] = [
    { source: directories[2], destination: directories[2], readOnly: true, suid: true },
    {
      source: '/run/kubevirt-node-driver/launch',
      destination: '/run/kubevirt-node-driver/launch',
      readOnly: true,
    },
  ];
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    const { directory, podCgroup } = cluster.place;
    this.#cluster = cluster;
    this.overlay = writeOverlay({
      directory: join(directory, 'overlay'),
      image,
      podCgroup: join(podCgroup.path, 'kubepods'),
    });
  }

  /** Gives the node its image. */
  async prepare(): Promise<void> {
    const { scratch } = this.#cluster.place;
    const present = directories.find((path) => existsSync(path));
    if (present !== undefined)
      throw new Error(
        `Cannot install the driver: "${present}" is there; remove the driver from this machine`,
      );
    for (const path of directories) scratch.record({ kind: 'tree', path });
    for (const path of listCgroupParents('/kubevirt-node-driver/launch')) scratch.claimDirectory(path);
    // Where secrets must not be, beside what is below the scratch directories.
    const watched = { directory: directories[1], runDirectory: directories[0] };
    scratch.watch.opened(watched);
    scratch.defer('search for secrets', async () => {
      if (existsSync(directories[0])) await scratch.watch.search(watched);
      scratch.watch.closed(watched);
    });
    await this.#cluster.containerd.load(await buildImage(scratch, image.join(':')));
  }

  /** Applies the manifests and waits until a daemon is ready on the node. */
  async apply(): Promise<void> {
    await this.#cluster.kubectl(['apply', '--kustomize', this.overlay]);
    await this.waitUntilReady();
  }

  async waitUntilReady(): Promise<void> {
    await this.kubectl(['rollout', 'status', daemonSet, '--timeout=180s']);
  }

  /** Replaces the daemon's pod by another one. */
  async restart(): Promise<void> {
    await this.kubectl(['rollout', 'restart', daemonSet]);
    await this.waitUntilReady();
  }

  /** Deletes the DaemonSet and waits until its pod has gone; all else stays. */
  async deleteDaemonSet(): Promise<void> {
    await this.kubectl(['delete', daemonSet, '--timeout=120s']);
    await this.kubectl(['wait', '--for=delete', 'pod', '--all', '--timeout=120s']);
  }

  /** Names of the DaemonSet's pods. */
  async listPods(): Promise<readonly string[]> {
    const { stdout } = await this.kubectl(['get', 'pods', '--output', 'name']);
    return stdout.split('\n').filter(Boolean);
  }

  /** Runs the command line in the daemon's container. */
  async run(args: readonly string[]): Promise<string> {
    const { stdout } = await this.kubectl(['exec', daemonSet, '--', '/usr/local/bin/node-driver', ...args]);
    return stdout;
  }

  /** What the daemon of the node has logged. */
  async readLog(): Promise<string> {
    const { stdout } = await this.kubectl(['logs', daemonSet, '--container=node-driver'], {
      allowFailure: true,
    });
    return stdout;
  }

  async kubectl(...[args, options]: Parameters<Cluster['kubectl']>): ReturnType<Cluster['kubectl']> {
    return this.#cluster.kubectl(['--namespace', namespace, ...args], options);
  }

  /** Names of what is kept of launches. */
  listLaunches(): readonly string[] {
    return readdirSync('/run/kubevirt-node-driver/state');
  }

  /** Pids of supervisors. */
  listShims(): readonly number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => readArguments(pid)[0]?.endsWith('qemu-kube-shim'));
  }
}
