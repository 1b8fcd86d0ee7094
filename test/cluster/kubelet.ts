import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { ClusterPlace } from './cluster-place.ts';
import { ClusterService } from './cluster-service.ts';
import { writeKubeconfig } from './write-kubeconfig.ts';

export const kubeletPort = 10250;

/** Settings of the kernel that the kubelet changes for the whole machine. */
const settings = [
  'kernel/keys/root_maxbytes',
  'kernel/keys/root_maxkeys',
  'kernel/panic',
  'kernel/panic_on_oops',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
];

/** Compiled into the kubelet: for the plugins of devices, and for links to the logs of containers. */
const fixedDirectories = ['/var/lib/kubelet', '/var/log/containers'];

/** The kubelet of the one node. Its pods are in the cluster's cgroup, so that it takes no others for orphans of its own. */
export class Kubelet {
  /** What kubelets have in /var/lib/kubelet. */
  readonly directory: string;
  readonly #place: ClusterPlace;
  readonly #certificates: Certificates;

  constructor(place: ClusterPlace, certificates: Certificates) {
    this.#place = place;
    this.#certificates = certificates;
    this.directory = place.makeDirectory('kubelet');
  }

  /**
   * @param runtime socket of containerd
   * @param isHealthy what the kubelet answers at its port
   */
  async start(runtime: string, isHealthy: () => Promise<boolean>): Promise<void> {
    const { address, directory, nodeName, scratch } = this.#place;
    await this.#certificates.issue('kubelet', {
      name: `system:node:${nodeName}`,
      organisation: 'system:nodes',
      serves: [`IP:${address}`, `DNS:${nodeName}`],
    });
    const kubeconfig = join(directory, 'kubelet.kubeconfig');
    writeKubeconfig(kubeconfig, this.#place, this.#certificates, 'kubelet');
    const config = join(directory, 'kubelet.json');
    writeFileSync(config, JSON.stringify(this.#config(runtime)));
    for (const path of settings.map((name) => `/proc/sys/${name}`))
      scratch.record({ kind: 'setting', path, text: readFileSync(path, 'utf8').trim() });
    const present = fixedDirectories.find((path) => existsSync(path));
    if (present !== undefined)
      throw new Error(`Cannot start a kubelet: "${present}" is there; is this machine a node already?`);
    for (const path of fixedDirectories) scratch.record({ kind: 'tree', path });
    mkdirSync('/var/lib/kubelet/device-plugins', { recursive: true, mode: 0o755 });
    const command = [
      this.#place.program('kubelet'),
      ...[`--config=${config}`, `--kubeconfig=${kubeconfig}`, `--root-dir=${this.directory}`],
      ...[`--node-ip=${address}`, `--hostname-override=${nodeName}`],
    ];
    await new ClusterService(this.#place, 'kubelet').start(command, isHealthy);
  }

  #config(runtime: string): object {
    const { address, directory, podCgroup, podLogs } = this.#place;
    return {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address,
      port: kubeletPort,
      readOnlyPort: 0,
      healthzPort: 0,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: false },
        x509: { clientCAFile: this.#certificates.authority },
      },
      authorization: { mode: 'AlwaysAllow' },
      tlsCertFile: this.#certificates.certificate('kubelet'),
      tlsPrivateKeyFile: this.#certificates.key('kubelet'),
      containerRuntimeEndpoint: `unix://${runtime}`,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: podCgroup.path,
      // Of use only where the machine has version 1; that is what these two are for.
      failCgroupV1: false,
      failSwapOn: false,
      makeIPTablesUtilChains: false,
      podLogsDir: podLogs,
      volumePluginDir: join(directory, 'volume-plugins'),
      // The machine is not the kubelet's alone.
      evictionHard: { 'memory.available': '50Mi' },
      imageGCHighThresholdPercent: 100,
      syncFrequency: '5s',
    };
  }
}
