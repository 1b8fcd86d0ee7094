import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { findCgroup, listCgroupProcesses, listCgroupTree } from '../support/cgroups.ts';
import { listSystemMounts } from '../support/sandbox-spec.ts';
import { readArguments } from '../support/processes.ts';
import type { Cluster } from './cluster.ts';

/** The group that a launcher's Secret volume is readable for: that of KubeVirt's launcher. */
const LAUNCHER_ID = 107;

/** Of an event of Kubernetes, what is looked at here. */
export interface PodEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
}

/** A pod with a virt-launcher and a Secret in it, as KubeVirt makes one. Made by `startLauncherPod`. */
export class LauncherPod {
  readonly vmName: string;
  readonly vmUuid = randomUUID();
  readonly secret = randomBytes(32).toString('base64');
  readonly #cluster: Cluster;
  #uid = '';

  constructor(cluster: Cluster, vmName: string) {
    this.#cluster = cluster;
    this.vmName = vmName;
    cluster.place.scratch.watch.note(this.secret);
  }

  get name(): string {
    return `virt-launcher-${this.vmName}`;
  }

  get uid(): string {
    return this.#uid;
  }

  /** The same in every hierarchy of version 1. */
  get cgroup(): string {
    return join(this.#cluster.place.podCgroup.path, `kubepods/besteffort/pod${this.uid}`);
  }

  /** The launcher's pid on the node. */
  get pid(): number {
    const [pid, ...others] = this.processes.filter((each) => readArguments(each)[0] === 'virt-launcher');
    if (pid === undefined || others.length > 0)
      throw new Error(`There is not one launcher in "${this.name}"`);
    return pid;
  }

  /** All processes in the pod's cgroups. */
  get processes(): readonly number[] {
    const directories = findCgroup(this.cgroup).flatMap(listCgroupTree);
    return [...new Set(directories.flatMap(listCgroupProcesses))].sort((a, b) => a - b);
  }

  /** Pids of emulators in the pod. */
  get emulators(): readonly number[] {
    return this.processes.filter((pid) => readArguments(pid)[0] === '/usr/bin/qemu-system-x86_64');
  }

  /** Makes Secret and pod, and comes back when the launcher runs. Called once, by `startLauncherPod`. */
  async start(): Promise<void> {
    await this.#cluster.apply(this.#secretObject(), this.#podObject());
    await this.#cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=120s', `pod/${this.name}`]);
    const pod = await this.#cluster.get(['pod', this.name]);
    this.#uid = (pod as { readonly metadata: { readonly uid: string } }).metadata.uid;
  }

  /** A token of its ServiceAccount that is bound to it, for the driver alone. */
  async makeToken(): Promise<string> {
    const bound = [`--bound-object-name=${this.name}`, `--bound-object-uid=${this.uid}`];
    const { stdout } = await this.#cluster.kubectl([
      ...['create', 'token', 'default', '--bound-object-kind=Pod', ...bound],
      ...['--audience=kubevirt-node-driver', '--duration=10m'],
    ]);
    this.#cluster.place.scratch.watch.note(stdout.trim());
    return stdout.trim();
  }

  async listEvents(): Promise<readonly PodEvent[]> {
    const list = await this.#cluster.get(['events', `--field-selector=involvedObject.uid=${this.uid}`]);
    return (list as { readonly items: readonly PodEvent[] }).items;
  }

  /** Comes back when Kubernetes has it no more. */
  async delete(): Promise<void> {
    await this.#cluster.kubectl(['delete', `pod/${this.name}`, `secret/${this.name}`, '--timeout=120s']);
  }

  #secretObject(): object {
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: this.name },
      stringData: { secret: this.secret },
    };
  }

  #podObject(): object {
    // The launcher's image has no programs: QEMU and its libraries are the node's.
    const programs = listSystemMounts().map(({ source }, index) => ({
      name: `programs-${index}`,
      path: source,
    }));
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: this.name, labels: { 'kubevirt.io': 'virt-launcher' } },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 5,
        securityContext: { runAsUser: LAUNCHER_ID, runAsGroup: LAUNCHER_ID, fsGroup: LAUNCHER_ID },
        containers: [
          {
            name: 'compute',
            image: 'localhost/virt-launcher:test',
            imagePullPolicy: 'Never',
            command: ['virt-launcher', '-kubevirt.vm.uuid', this.vmUuid, '-kubevirt.vm.name', this.vmName],
            env: [{ name: 'PATH', value: '/:/usr/sbin:/usr/bin' }],
            volumeMounts: [
              { name: 'secret', mountPath: '/etc/kubevirt/node-driver', readOnly: true },
              ...programs.map(({ name, path }) => ({ name, mountPath: path, readOnly: true })),
            ],
          },
        ],
        volumes: [
          { name: 'secret', secret: { secretName: this.name, defaultMode: 0o440 } },
          ...programs.map(({ name, path }) => ({ name, hostPath: { path, type: 'Directory' } })),
        ],
      },
    };
  }
}

export async function startLauncherPod(cluster: Cluster, vmName: string): Promise<LauncherPod> {
  const pod = new LauncherPod(cluster, vmName);
  await pod.start();
  return pod;
}
