import { existsSync, readFileSync } from 'node:fs';
import { runCommand } from '../support/run-command.ts';
import type { RunResults } from './run-results.ts';

async function readVersion(command: string): Promise<string> {
  const { stdout } = await runCommand(command, ['--version']);
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim();
}

/** With what a run is made. */
export async function describeVersions(): Promise<Omit<RunResults, 'observations'>> {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const init = existsSync('/run/systemd/system') ? ', systemd' : '';
  const cgroups = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'cgroup v2' : 'cgroup v1 and v2';
  return {
    libvirt: await readVersion('libvirtd'),
    qemu: await readVersion('qemu-system-x86_64'),
    system: `${system}${init}, ${cgroups}`,
  };
}
