import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeDriverOptions } from '../support/node-driver.ts';
import { runCommand } from '../support/run-command.ts';
import type { Scratch } from '../support/scratch.ts';

const root = join(import.meta.dirname, '../..');
/** As stub/node-driver.c has them. */
const flags = [
  '--disable-sigusr1',
  '--enable-source-maps',
  '--max-semi-space-size=1',
  '--max-old-space-size=128',
] as const;

/**
 * The daemon as the image has it: bundled, with its flags, and with a run directory in memory, as systemd makes /run. Built
 * anew, below the scratch.
 */
export async function bundledDaemon(scratch: Scratch): Promise<Required<Pick<NodeDriverOptions, 'run'>>> {
  const directory = join(scratch.directory, 'bundle');
  await runCommand(process.execPath, [join(root, 'deploy/image/build-bundle.ts'), directory]);
  mkdirSync(scratch.runDirectory, { recursive: true, mode: 0o755 });
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', scratch.runDirectory]);
  scratch.defer('unmount the run directory', async () => {
    await runCommand('umount', ['--lazy', scratch.runDirectory]);
  });
  const main = join(directory, 'dist/daemon/main.js');
  return {
    run: ([node = '', , ...args], log) => scratch.startBackground(node, [...flags, main, ...args], log),
  };
}
