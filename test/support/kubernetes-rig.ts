import { join } from 'node:path';
import type { LaunchMode } from '../../daemon/machines/machine.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from './fake-launch.ts';
import { startFakeKubernetes, type FakeKubernetes } from './fake-kubernetes.ts';
import { fakeNode, type FakePod } from './fake-pod.ts';
import { installNodeDriver, type NodeDriver } from './node-driver.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from './sandbox.ts';
import type { Scratch } from './scratch.ts';

type Settings = Readonly<Record<string, string>>;

/** A daemon that asks an API server, and pods that it finds on this machine. */
export class KubernetesRig {
  readonly api: FakeKubernetes;
  readonly driver: NodeDriver;
  readonly #scratch: Scratch;
  readonly #settings: Settings;
  #count = 0;

  constructor(scratch: Scratch, api: FakeKubernetes, driver: NodeDriver, settings: Settings) {
    this.#scratch = scratch;
    this.api = api;
    this.driver = driver;
    this.#settings = settings;
  }

  /** Starts the daemon again, with other settings. */
  async restart(settings: Settings = {}): Promise<void> {
    await this.driver.end();
    this.driver.configure({ ...this.#settings, ...settings });
    await this.driver.start();
  }

  async startPod(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
    const vmUuid = `${this.#scratch.id}-k8s-${++this.#count}`;
    return startSandbox(this.#scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount], ...options });
  }

  /** Tells the API server of a pod, as it is or otherwise. */
  announce(pod: Sandbox, changes: Partial<FakePod> = {}): void {
    this.api.put({ uid: pod.podUid, name: nameOf(pod), containers: [pod.containerId], ...changes });
  }

  /** What comes of a launch: exit status and what the stub says. */
  async launch(pod: Sandbox, secret = pod.secret ?? ''): Promise<string> {
    const launch = launchFake(this.driver, pod, {
      args: ['exit=0'],
      environment: { KUBEVIRT_IO_SECRET: secret },
    });
    const { status } = await launch.ended;
    return `${status ?? 'signal'} ${launch.stderr.trim()}`;
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.driver.httpPort}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`kubevirt_node_driver_${name} `));
    if (line === undefined) throw new Error(`There is no figure ${name}`);
    return Number(line.split(' ')[1]);
  }

  /** The events about a pod, oldest first. */
  eventsOf(pod: Sandbox): readonly Readonly<Record<string, unknown>>[] {
    return [...this.api.events.values()].filter(
      (event) => (event['involvedObject'] as { uid?: string } | undefined)?.uid === pod.podUid,
    );
  }
}

export function nameOf(pod: Sandbox): string {
  return `virt-launcher-${pod.vmName}`;
}

/** Starts API server and daemon. Both are ended when the scratch closes. */
export async function startKubernetesRig(
  scratch: Scratch,
  more: Settings = {},
  mode: LaunchMode = 'fork',
): Promise<KubernetesRig> {
  const api = await startFakeKubernetes();
  scratch.defer('stop the API server', () => api.stop());
  const configFile = join(scratch.directory, 'kubeconfig');
  api.writeKubeconfig(configFile);
  const settings = {
    emulator: fakeEmulator,
    kubernetes: 'verify',
    'kubernetes-config': configFile,
    'kubernetes-node': fakeNode,
    'kubernetes-wait': '1s',
    'launch-rate': 'off', // wrong secrets by the dozen
    ...more,
  };
  const driver = await installNodeDriver(scratch, { settings, mode });
  scratch.defer('end the daemon', () => driver.end());
  await driver.start();
  return new KubernetesRig(scratch, api, driver, settings);
}
