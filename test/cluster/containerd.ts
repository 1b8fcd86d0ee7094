import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import type { ClusterPlace } from './cluster-place.ts';
import { ClusterService } from './cluster-service.ts';

/** A containerd that shares nothing with another one on this machine, with the network of the cluster's pods. */
export class Containerd {
  readonly socket: string;
  readonly #place: ClusterPlace;
  readonly #service: ClusterService;

  constructor(place: ClusterPlace) {
    this.#place = place;
    this.#service = new ClusterService(place, 'containerd');
    this.socket = join(place.runDirectory, 'containerd.sock');
  }

  /** @param pauseImage what a pod's first container is made from */
  async start(pauseImage: string): Promise<void> {
    const networks = this.#place.makeDirectory('networks');
    const config = join(this.#place.directory, 'containerd.toml');
    writeFileSync(join(networks, 'pods.conflist'), JSON.stringify(this.#network()));
    writeFileSync(config, this.#config(pauseImage, networks));
    // Its shims have their sockets there, whatever containerd is told.
    for (const path of ['/run/containerd', '/run/containerd/s']) this.#place.scratch.claimDirectory(path);
    const isReady = async (): Promise<boolean> =>
      existsSync(this.socket) && (await this.ctr(['version'], true)) !== undefined;
    await this.#service.start(['containerd', '--config', config], isReady);
    this.#place.scratch.defer('end all containers', () => this.#endContainers());
  }

  /** Takes the images of an archive, as `docker save` writes one. */
  async load(archive: string): Promise<void> {
    await this.ctr(['images', 'import', '--no-unpack', archive]);
  }

  /** Runs `ctr` among the containers of the kubelet. */
  async ctr(args: readonly string[], allowFailure = false): Promise<string | undefined> {
    const all = ['--address', this.socket, '--namespace', 'k8s.io', ...args];
    const { status, stdout } = await runCommand('ctr', all, { allowFailure, timeout: 120_000 });
    return status === 0 ? stdout : undefined;
  }

  /** With the kubelet ended: what it has started, in whatever state. */
  async #endContainers(): Promise<void> {
    const tasks = ((await this.ctr(['tasks', 'list', '--quiet'], true)) ?? '').split('\n').filter(Boolean);
    for (const task of tasks) {
      await this.ctr(['tasks', 'kill', '--signal', 'SIGKILL', task], true);
      await this.ctr(['tasks', 'delete', '--force', task], true);
    }
  }

  #network(): object {
    return {
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: this.#place.bridge,
          isGateway: true,
          ipam: {
            type: 'host-local',
            dataDir: join(this.#place.directory, 'addresses'),
            ranges: [[{ subnet: this.#place.podRange }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    };
  }

  #config(pauseImage: string, networks: string): string {
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    const text = (value: string): string => JSON.stringify(value);
    return `version = 2
root = ${text(this.#place.makeDirectory('containerd'))}
state = ${text(join(this.#place.runDirectory, 'containerd'))}
[grpc]
  address = ${text(this.socket)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${text(join(this.#place.directory, 'opt'))}
[${cri}]
  sandbox_image = ${text(pauseImage)}
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = ${text(networks)}
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
  }
}
