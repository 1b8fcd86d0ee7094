import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { weighCpuTime } from '../support/cpu-time.ts';
import type { NodeDriverOptions } from '../support/node-driver.ts';
import { runCommand } from '../support/run-command.ts';
import type { Scratch } from '../support/scratch.ts';
import { TestCgroup } from '../support/test-cgroup.ts';

const root = join(import.meta.dirname, '../..');
/** As stub/node-driver.c has them. */
const flags = ['--disable-sigusr1', '--max-semi-space-size=1', '--max-old-space-size=128'] as const;

/** `CPUWeight=` of deploy/systemd/node-driver.service. */
const WEIGHT = 1000;

/**
 * The daemon as the image has it: bundled, with its flags, and with a run directory in memory, as systemd makes /run. Built
 * anew, below the scratch.
 *
 * @param place `unit`: in a cgroup with the weight that its unit gives it, which counts where others keep the node busy
 */
export async function bundledDaemon(
  scratch: Scratch,
  place: 'here' | 'unit' = 'here',
): Promise<Required<Pick<NodeDriverOptions, 'run'>>> {
  const directory = join(scratch.directory, 'bundle');
  await runCommand(process.execPath, [join(root, 'deploy/image/build-bundle.ts'), directory]);
  mkdirSync(scratch.runDirectory, { recursive: true, mode: 0o755 });
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', scratch.runDirectory]);
  scratch.defer('unmount the run directory', async () => {
    await runCommand('umount', ['--lazy', scratch.runDirectory]);
  });
  const main = join(directory, 'dist/daemon/main.js');
  const cgroup = place === 'unit' ? weightyCgroup(scratch) : null;
  return {
    run: ([node = '', , ...args], log) => {
      const command = [node, ...flags, main, ...args];
      const [program = '', ...rest] = cgroup?.around(command) ?? command;
      return scratch.startBackground(program, rest, log);
    },
  };
}

function weightyCgroup(scratch: Scratch): TestCgroup {
  const cgroup = TestCgroup.make(scratch, 'daemon');
  weighCpuTime(cgroup.path, WEIGHT);
  return cgroup;
}
