import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startLibvirt } from '../support/libvirt-host.ts';
import { podmanArguments } from '../support/bare-container.ts';
import { findCgroup } from '../support/cgroups.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand } from '../support/run-command.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/tutorial.md'), 'utf8');

/** What the tutorial makes at places of this machine, outside of any scratch. */
const places = [
  '/usr/local/lib/kubevirt-node-driver',
  '/usr/local/bin/node-driver',
  '/usr/local/share/man/man8/node-driver.8',
  '/usr/local/share/man/man8/qemu-kube.8',
  '/usr/local/share/man/man5/qemu-kube.conf.5',
  '/usr/local/share/bash-completion/completions/node-driver',
  '/etc/systemd/system/node-driver.service',
  '/etc/kubevirt',
  '/run/kubevirt-node-driver',
  '/var/lib/kubevirt-node-driver',
  '/var/lib/tutorial',
  '/tmp/node-driver.log',
  '/tmp/node-driver.audit',
] as const;

interface Step {
  readonly commands: string;
  /** What they print; null where the page does not say. */
  readonly output: string | null;
}

const steps: readonly Step[] = [...page.matchAll(/```sh\n([^]*?)```\n(?:\n```text\n([^]*?)```)?/gu)].map(
  ([, commands = '', output]) => ({ commands, output: output ?? null }),
);

/** `…` stands for anything on its line; at the end of the text, for further lines too. */
function patternOf(output: string): RegExp {
  const quoted = output.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/gu, '\\$&'));
  return new RegExp(`^${quoted.join('[^\\n]*')}${output.endsWith('…\n') ? '[^]*' : ''}$`, 'u');
}

describe('docs/tutorial.md', function () {
  this.timeout(240_000);
  let scratch: Scratch | undefined;

  before(function () {
    for (const place of places)
      if (existsSync(place)) skip(this, `there is ${place} on this machine already`);
    scratch = Scratch.open('test');
  });
  after(async () => {
    if (scratch === undefined) return;
    await scratch.close();
    for (const place of places) rmSync(place, { recursive: true, force: true });
  });

  it('comes to what it says', async () => {
    if (scratch === undefined) throw new Error('There is no scratch');
    const libvirt = await startLibvirt(scratch);
    // podman as a user of it has it, with containers that are the scratch's; libvirt is the test's own.
    const tools = join(scratch.directory, 'tools');
    mkdirSync(tools);
    const podman = podmanArguments(scratch).join(' ');
    // This process may not raise limits everywhere, as podman would by default.
    const limits = '--ulimit nofile=1024:1024 --ulimit nproc=1024:1024';
    const wrapper = `#!/bin/sh\n[ "$1" != run ] || { shift; set -- run ${limits} "$@"; }\nexec /usr/bin/podman ${podman} "$@"\n`;
    writeFileSync(join(tools, 'podman'), wrapper, { mode: 0o755 });
    for (const path of ['/libpod_parent', '/kubevirt-node-driver'].filter(
      (each) => findCgroup(each).length === 0,
    ))
      scratch.record({ kind: 'cgroup', path });
    scratch.defer('remove the container', async () => {
      await runCommand(join(tools, 'podman'), ['rm', '--all', '--force', '--time', '0'], {
        allowFailure: true,
      });
    });

    const mark = (index: number): string => `echo "--- $? end of step ${index}"`;
    // Debian's libvirt-daemon-system, which the tutorial installs, makes the user that QEMU runs as; the tests do without.
    const { uid, gid } = findQemuAccount();
    const settings = `printf 'launch-users = %s\\nlaunch-group = %s\\n' ${uid} ${gid} >> /etc/kubevirt/qemu-kube.conf\n`;
    const adapted = (commands: string): string =>
      commands
        .replace('node-driver install --setuid', `$& --group ${gid}`)
        .replace('node-driver config check', `${settings}$&`);
    const script = steps.map(({ commands }, index) => `${adapted(commands)}\n${mark(index)}\n`).join('');
    const shell = spawn('bash', ['-e'], {
      cwd: root,
      env: {
        ...process.env,
        PATH: `${tools}:/usr/local/bin:${process.env['PATH'] ?? ''}`,
        LIBVIRT_DEFAULT_URI: libvirt.uri,
        LC_ALL: 'C.UTF-8',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    let errors = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    shell.stdin.end(`trap 'kill $(jobs -p)' EXIT\n${script}`);
    const timer = setTimeout(() => shell.kill('SIGTERM'), 200_000);
    await new Promise((resolve) => shell.once('exit', resolve));
    clearTimeout(timer);

    const parts = out.split(/--- (\d+) end of step \d+\n/u);
    steps.forEach(({ commands, output }, index) => {
      const printed = parts[2 * index]?.replaceAll(/^\n|\n(?=\n)/gu, '') ?? '';
      expect(parts[2 * index + 1], `${commands}\n${printed}\n${errors}`).to.equal('0');
      if (output !== null) expect(printed, commands).to.match(patternOf(output));
    });
  });
});
