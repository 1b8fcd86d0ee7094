import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandOptions, CommandResult } from '../support/run-command.ts';
import { runCommand } from '../support/run-command.ts';
import { listSystemLinks } from '../support/sandbox-spec.ts';
import type { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';
import { Certificates } from './certificates.ts';
import { ClusterPlace } from './cluster-place.ts';
import { Containerd } from './containerd.ts';
import { ControlPlane } from './control-plane.ts';
import { Kubelet, kubeletPort } from './kubelet.ts';
import { packImage } from './pack-image.ts';

const launcher = join(import.meta.dirname, '../fixtures/build/virt-launcher');

/** Kubernetes with one node, this machine. Made by `startCluster`. */
export class Cluster {
  readonly place: ClusterPlace;
  readonly controlPlane: ControlPlane;
  readonly containerd: Containerd;
  readonly kubelet: Kubelet;
  readonly #certificates: Certificates;

  constructor(scratch: Scratch, programs: string) {
    this.place = new ClusterPlace(scratch, programs);
    this.#certificates = new Certificates(this.place.makeDirectory('certificates'));
    this.controlPlane = new ControlPlane(this.place, this.#certificates);
    this.containerd = new Containerd(this.place);
    this.kubelet = new Kubelet(this.place, this.#certificates);
  }

  /** Called once, by `startCluster`. */
  async start(): Promise<void> {
    await this.place.start();
    await this.#certificates.start();
    await this.controlPlane.start();
    await this.containerd.start('localhost/pause:test');
    await this.#loadLauncher();
    await this.kubelet.start(this.containerd.socket, () => this.controlPlane.isHealthy(kubeletPort));
    const node = `node/${this.place.nodeName}`;
    await this.#waitUntil('the node is ready', ['wait', '--for=condition=Ready', '--timeout=5s', node]);
    await this.#waitUntil('pods can be made', ['get', 'serviceaccount', 'default']);
  }

  /** Runs kubectl as somebody who may do everything. */
  async kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    const all = ['--kubeconfig', this.controlPlane.kubeconfig, ...args];
    return runCommand(this.place.program('kubectl'), all, { timeout: 300_000, ...options });
  }

  /** Gives what kubectl answers in JSON. */
  async get(args: readonly string[]): Promise<unknown> {
    const { stdout } = await this.kubectl(['get', ...args, '--output', 'json']);
    return JSON.parse(stdout);
  }

  /** Applies manifests that are made here. */
  async apply(...objects: readonly object[]): Promise<void> {
    const path = join(this.place.makeDirectory('applied'), `${objects.length}-${Date.now()}.json`);
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), { mode: 0o600 });
    await this.kubectl(['apply', '--filename', path]);
  }

  /** Until kubectl does not fail. */
  async #waitUntil(condition: string, args: readonly string[]): Promise<void> {
    const succeeds = async (): Promise<true | undefined> =>
      (await this.kubectl(args, { allowFailure: true })).status === 0 ? true : undefined;
    await waitUntil(condition, succeeds, 180_000, 500);
  }

  /** The stand-in for virt-launcher, which as `pause` is what holds a pod's namespaces. Programs it takes from the node. */
  async #loadLauncher(): Promise<void> {
    const root = this.place.makeDirectory('launcher');
    for (const directory of ['etc', 'proc', 'sys', 'dev', 'tmp', 'run/libvirt/qemu', 'var/lib/libvirt/qemu'])
      mkdirSync(join(root, directory), { recursive: true });
    for (const [path, target] of listSystemLinks()) symlinkSync(target, join(root, path));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nqemu:x:107:107::/:/bin/false\n');
    for (const name of ['pause', 'virt-launcher']) {
      copyFileSync(launcher, join(root, name));
      const options = { name: `localhost/${name}:test`, root, entrypoint: [`/${name}`] };
      await this.containerd.load(await packImage(join(this.place.directory, `image-${name}`), options));
    }
  }
}

/** Starts a cluster. It is taken away when the scratch closes, also where this fails half-way. */
export async function startCluster(scratch: Scratch, programs: string): Promise<Cluster> {
  const cluster = new Cluster(scratch, programs);
  await cluster.start();
  return cluster;
}
