import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, type CommandOptions, type CommandResult } from './run-command.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

/** A containerd of our own. */
export interface Containerd {
  readonly ctr: (args: readonly string[], options?: CommandOptions) => Promise<CommandResult>;
}

/** Starts a containerd that is ended with the scratch. */
export async function startContainerd(scratch: Scratch): Promise<Containerd> {
  const directory = join(scratch.directory, 'containerd');
  const address = join(scratch.runDirectory, 'containerd.sock');
  mkdirSync(directory, { recursive: true });
  const lines = [
    'version = 2',
    `root = "${directory}/root"`,
    `state = "${directory}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\n  address = "${address}"`,
    `[ttrpc]\n  address = "${address}.ttrpc"`,
  ];
  writeFileSync(`${directory}/config.toml`, `${lines.join('\n')}\n`);
  await scratch.startBackground('containerd', ['--config', `${directory}/config.toml`], `${directory}/log`);
  await waitUntil('containerd listens', () => (existsSync(address) ? true : undefined), 15_000);
  return { ctr: (args, options) => runCommand('ctr', ['--address', address, ...args], options) };
}
