import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startNodeDriver, type NodeDriver, type NodeDriverOptions } from './node-driver.ts';
import type { Scratch } from './scratch.ts';
import type { ServiceContainer } from './service-container.ts';
import { startServiceContainer } from './service-container.ts';

const root = join(import.meta.dirname, '../..');
const proc = '/host/proc';

/** The daemon as a DaemonSet has it: hostPID, the node's cgroup namespace, the node's /proc, and its run directory. */
export async function startContainedDriver(
  scratch: Scratch,
  options: Pick<NodeDriverOptions, 'mode'>,
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
  const driver = await startNodeDriver(scratch, {
    ...options,
    settings: { proc },
    run: async (command, log) => {
      container = await startServiceContainer(scratch, {
        name: 'daemon',
        argv: ['sh', '-c', 'log=$1; shift; exec "$@" >> "$log" 2>&1', 'sh', log, ...command],
        namespaces: ['ipc', 'uts'],
        mounts: [...programs, ...same, { source: '/proc', destination: proc }],
        capabilities: ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_NICE', 'CAP_DAC_READ_SEARCH'],
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
