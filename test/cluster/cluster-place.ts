import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import type { Scratch } from '../support/scratch.ts';
import { TestCgroup } from '../support/test-cgroup.ts';

/** Where a cluster is: its directories and cgroups, and its network, which is in a namespace of its own. */
export class ClusterPlace {
  readonly scratch: Scratch;
  /** What Kubernetes keeps, Secrets too: test/support/secret-watch/excluded-files.ts names where those are. */
  readonly directory: string;
  /** Of the containers, as the kubelet writes them. */
  readonly podLogs: string;
  readonly runDirectory: string;
  /** Of the node, and of all that listens. It is that of the Service of the API server, too: no kube-proxy is needed. */
  readonly address: string;
  readonly serviceRange: string;
  readonly podRange: string;
  readonly nodeName: string;
  /** Of the programs of the cluster. */
  readonly #programs: string;
  readonly #cgroup: TestCgroup;
  /** Of pods. */
  readonly podCgroup: TestCgroup;

  constructor(scratch: Scratch, programs: string) {
    this.scratch = scratch;
    this.#programs = programs;
    this.directory = join(scratch.directory, 'kubernetes');
    this.podLogs = join(scratch.directory, 'pod-logs');
    this.runDirectory = join(scratch.runDirectory, 'kubernetes');
    this.address = '198.18.0.1';
    this.serviceRange = '198.18.0.0/24';
    this.podRange = '198.19.0.0/24';
    this.nodeName = scratch.id;
    for (const directory of [this.directory, this.podLogs, this.runDirectory])
      mkdirSync(directory, { mode: 0o755 });
    this.#cgroup = TestCgroup.make(scratch, 'node');
    this.podCgroup = TestCgroup.make(scratch, 'pods');
  }

  /** Of the pods. */
  readonly bridge = 'pods';

  program(name: string): string {
    return join(this.#programs, name);
  }

  /** Makes a directory below that of the cluster. */
  makeDirectory(...names: readonly string[]): string {
    const directory = join(this.directory, ...names);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    return directory;
  }

  async start(): Promise<void> {
    await runCommand('ip', ['address', 'add', `${this.address}/32`, 'dev', 'lo']);
  }

  logOf(name: string): string {
    return join(this.scratch.directory, `${name}.log`);
  }

  /** Starts a program of the cluster, in the cluster's cgroup, which what it leaves behind is in as well. */
  async run(name: string, command: readonly string[]): Promise<ProcessIdentity> {
    const [program = '', ...args] = this.#cgroup.around(command);
    return this.scratch.startBackground(program, args, this.logOf(name));
  }
}
