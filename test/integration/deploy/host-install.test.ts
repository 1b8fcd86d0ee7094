import { expect } from 'chai';
import {
  existsSync,
  globSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { keptCapabilities } from '../../../daemon/host/harden-process.ts';
import { runCommand, type CommandResult } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';

const root = join(import.meta.dirname, '../../..');
const unitFile = join(root, 'deploy/systemd/node-driver.service');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The values of a key of the unit, which may be there more than once. */
function settingsOf(key: string): readonly string[] {
  return [...readFileSync(unitFile, 'utf8').matchAll(new RegExp(`^${key}=(.*)$`, 'gmu'))].map(
    ([, value = '']) => value,
  );
}

describe('deploy/systemd/install.sh', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let destination: string;
  const at = (path: string): string => join(destination, path);
  const install = (): Promise<CommandResult> =>
    runCommand('sh', [join(root, 'deploy/systemd/install.sh'), destination]);

  before(async () => {
    scratch = Scratch.open('test');
    destination = join(scratch.directory, 'root');
    await install();
  });
  after(() => scratch.close());

  it('installs what the manual lists, and nothing else', () => {
    const [, section = ''] = /## Build and install\n([^]*?)\n## /u.exec(read('docs/installation.md')) ?? [];
    const listed = [...section.matchAll(/^\| `(\/(?:usr|etc)\/[^`]+)`/gmu)].map(([, path = '']) => path);
    expect(listed).to.have.length.above(8);
    for (const path of listed.filter((each) => !each.includes('/app.old/')))
      expect(existsSync(at(path)), path).to.equal(true);
    const library = 'usr/local/lib/kubevirt-node-driver/';
    const others = globSync('**', { cwd: destination })
      .filter((path) => !statSync(at(path)).isDirectory() && !path.startsWith(`${library}app/`))
      .map((path) => `/${path}`);
    expect(others.filter((path) => !listed.includes(path))).to.deep.equal([]);
  });

  it('leaves it to root alone to write there, with a daemon that others may look at', () => {
    for (const path of globSync('**', { cwd: destination })) {
      const info = lstatSync(at(path));
      if (!info.isSymbolicLink()) expect(info.mode & 0o022, path).to.equal(0);
      expect(info.uid, path).to.equal(0);
    }
  });

  it('has a daemon that starts with the Node that it brought', async () => {
    const driver = at('usr/local/bin/node-driver');
    expect(readlinkSync(driver)).to.equal('../lib/kubevirt-node-driver/app/stub/build/node-driver');
    const { stdout } = await runCommand(driver, ['--version'], { environment: { PATH: '/nonexistent' } });
    expect(stdout).to.match(/^node-driver \d+\.\d+\.\d+.*, node 24\./u);
    const check = await runCommand(driver, [
      'config',
      'check',
      '--config',
      at('etc/kubevirt/qemu-kube.conf'),
    ]);
    expect(check.stdout).to.include('is good');
    const completion = readFileSync(at('usr/local/share/bash-completion/completions/node-driver'), 'utf8');
    expect(completion).to.equal((await runCommand(driver, ['completion', 'bash'])).stdout);
  });

  it('keeps settings, and the installation that was there', async () => {
    const library = 'usr/local/lib/kubevirt-node-driver';
    writeFileSync(at('etc/kubevirt/qemu-kube.conf'), 'require-pod = no\n');
    writeFileSync(at(`${library}/app/mark`), 'the old one');
    const { stdout } = await install();
    expect(stdout).to.include('systemctl daemon-reload');
    expect(readFileSync(at('etc/kubevirt/qemu-kube.conf'), 'utf8')).to.equal('require-pod = no\n');
    expect(readFileSync(at(`${library}/app.old/mark`), 'utf8')).to.equal('the old one');
    expect(existsSync(at(`${library}/app/mark`))).to.equal(false);
    expect(existsSync(at(`${library}/app.new`))).to.equal(false);
    // The way back that docs/upgrade.md has.
    await runCommand('sh', [
      '-ec',
      'cd "$1"; mv app app.new; mv app.old app; app/stub/build/node-driver --version',
      'sh',
      at(library),
    ]);
  });

  it('has a unit that systemd takes', async function () {
    if (!existsSync('/usr/bin/systemd-analyze')) skip(this, 'systemd is not installed here');
    const unit = join(scratch.directory, 'node-driver.service');
    // At the paths of this installation: it is verified that programs and manuals are there.
    const text = readFileSync(at('etc/systemd/system/node-driver.service'), 'utf8');
    writeFileSync(unit, text.replaceAll('/usr/local/bin/', `${destination}/usr/local/bin/`));
    const { status, stderr } = await runCommand('systemd-analyze', ['verify', '--man=no', unit], {
      allowFailure: true,
    });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });
});

describe('deploy/systemd/node-driver.service', () => {
  it('leaves the daemon the capabilities that it keeps itself, and no others', () => {
    expect(settingsOf('CapabilityBoundingSet')).to.deep.equal([[...keptCapabilities.keys()].join(' ')]);
  });

  it('is told by the daemon how it does, and does not end VMs with it', () => {
    const wanted = {
      Type: 'notify',
      NotifyAccess: 'main',
      KillMode: 'process',
      RestartPreventExitStatus: '78',
    };
    for (const [key, value] of Object.entries(wanted)) expect(settingsOf(key), key).to.deep.equal([value]);
    expect(Number(settingsOf('WatchdogSec')[0])).to.be.above(5);
    expect(settingsOf('ExecReload')[0]).to.equal('/bin/kill -HUP $MAINPID');
  });

  it('has nothing that hides pods, that QEMU would inherit, or that removes the state of VMs', () => {
    const forbidden =
      /^(?:ProtectProc|ProcSubset|PrivateUsers|PrivatePIDs|ProtectControlGroups|ProtectKernelTunables|ProtectSystem|ProtectHome|SystemCall\w+|Restrict(?:Namespaces|AddressFamilies|Realtime|SUIDSGID|FileSystems)|MemoryDenyWriteExecute|LockPersonality|ProtectClock|ProtectKernelLogs|ProtectKernelModules|ProtectHostname|PrivateDevices|NoNewPrivileges|RuntimeDirectory|User|Group)=/mu;
    const text = readFileSync(unitFile, 'utf8');
    expect(forbidden.exec(text)?.[0]).to.equal(undefined);
  });

  it('says of each of them why', () => {
    const reasons = readFileSync(unitFile, 'utf8').split('# What is left out, and why:')[1] ?? '';
    for (const name of [
      'ProtectProc',
      'ProtectControlGroups',
      'ProtectSystem',
      'SystemCallFilter',
      'NoNewPrivileges',
      'Delegate',
    ])
      expect(reasons).to.include(`${name}=`);
  });
});
