import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { daemonSetCapabilities } from './daemon-set.ts';
import { startNodeDriver, type NodeDriver, type NodeDriverOptions } from './node-driver.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';
import type { ServiceContainer } from './service-container.ts';
import { startServiceContainer } from './service-container.ts';

const root = join(import.meta.dirname, '../..');
const proc = '/host/proc';

export interface ContainedDriverOptions extends Pick<NodeDriverOptions, 'mode'> {
  /**
   * With the capabilities that the DaemonSet lists and no others, the engines' seccomp filter, a root to read only and a cgroup
   * namespace of its own, by the entry point and the bundle of the image. Otherwise the sources are run in a container that
   * shares the node's cgroup namespace.
   */
  readonly asDaemonSet?: boolean;
}

/** The files of the image, with programs in C that were compiled for this scratch. */
async function layOutImage(scratch: Scratch): Promise<string> {
  const files = join(scratch.directory, 'image');
  if (existsSync(files)) return files;
  const bundle = join(scratch.directory, 'bundle');
  await runCommand(process.execPath, [join(root, 'deploy/image/build-bundle.ts'), bundle]);
  const script = join(root, 'deploy/image/lay-out.sh');
  await runCommand('sh', [script, bundle, join(scratch.directory, 'stub'), files]);
  return files;
}

/** The daemon in a container of a pod: hostPID, the node's /proc, and its run directory. */
export async function startContainedDriver(
  scratch: Scratch,
  { asDaemonSet = false, ...options }: ContainedDriverOptions,
): Promise<{ readonly driver: NodeDriver; readonly container: () => ServiceContainer }> {
  let container: ServiceContainer | undefined;
  const runDirectory = join(scratch.runDirectory, 'driver');
  mkdirSync(runDirectory, { mode: 0o755 });
  const same = [runDirectory, scratch.directory].map((path) => ({ source: path, destination: path }));
  const programs = [root, dirname(process.execPath)].map((path) => ({
    source: path,
    destination: path,
    readOnly: true,
  }));
  const node = { source: dirname(process.execPath), destination: '/nodejs/bin', readOnly: true };
  const driver = await startNodeDriver(scratch, {
    ...options,
    settings: { proc },
    run: async (command, log) => {
      const image = asDaemonSet ? await layOutImage(scratch) : null;
      const argv =
        image === null ? command : [join(image, 'app/stub/build/node-driver'), ...command.slice(2)];
      container = await startServiceContainer(scratch, {
        name: 'daemon',
        argv: ['sh', '-c', 'log=$1; shift; exec "$@" >> "$log" 2>&1', 'sh', log, ...argv],
        namespaces: ['ipc', 'uts', ...(asDaemonSet ? (['cgroup'] as const) : [])],
        mounts: [
          ...(asDaemonSet ? [node] : programs),
          ...same,
          { source: '/proc', destination: proc, readOnly: asDaemonSet },
        ],
        capabilities: asDaemonSet
          ? daemonSetCapabilities()
          : ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_NICE', 'CAP_DAC_READ_SEARCH'],
        confined: asDaemonSet,
      });
      return container.init;
    },
  });
  return {
    driver,
    container: () => {
      if (container === undefined) throw new Error('The daemon is in no container');
      return container;
    },
  };
}
