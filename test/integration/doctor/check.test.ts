import { expect } from 'chai';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { startLibvirt } from '../../support/libvirt-host.ts';
import { matchSchema } from '../../support/match-schema.ts';
import { installNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { Cleanups } from '../../support/cleanups.ts';
import { Patient, type CheckLine, type CheckReport } from '../../support/patient.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const account = findQemuAccount();

/** What the machine of the test has, or lacks, whatever is done here. */
const ofTheMachine: ReadonlySet<string> = new Set(['namespaces', 'capabilities', 'clock', 'lsm', 'kernel']);

describe('node-driver check', function () {
  this.timeout(120_000);
  let patient: Patient;
  let scratch: Scratch;
  let stub: string;
  const cleanups = new Cleanups();
  let isServing = false;
  before(async () => {
    scratch = Scratch.open('test');
    const driver = await installNodeDriver(scratch);
    scratch.defer('end the daemon', () => driver.end());
    patient = new Patient(scratch, driver);
    ({ stub } = patient);
  });
  after(() => scratch.close());
  beforeEach(() => {
    rmSync(patient.emulators, { recursive: true, force: true });
    mkdirSync(dirname(stub), { recursive: true, mode: 0o755 });
    patient.driver.installStub(join(scratch.directory, 'stub/qemu-kube'));
    symlinkSync('/usr/bin/qemu-system-x86_64', join(dirname(stub), 'local'));
    if (!isServing) patient.driver.configure({ 'state-directory': join(scratch.directory, 'state') });
  });
  afterEach(() => cleanups.run());

  /** Breaks something, sees that very line, does what it says, and sees that it helped. */
  const seeAndMend = async (
    [check, subject]: readonly [string, string],
    status: CheckLine['status'],
    message: RegExp,
    command: RegExp,
  ): Promise<void> => {
    const line = await patient.line(check, subject);
    expect(line).to.include({ check, subject, status });
    expect(line.message).to.match(message);
    expect(line.command).to.match(command);
    await patient.mend(line);
    expect(await patient.line(check, subject)).to.include({ status: 'ok', command: null });
  };

  const mount = async (options: string, place: string): Promise<void> => {
    await runCommand('mount', ['-t', 'tmpfs', '-o', options, 'none', place]);
    cleanups.defer('unmount', async () => {
      await runCommand('umount', ['-l', place]);
    });
  };

  it('says that the daemon is down, and looks by itself', async () => {
    // The link was made in the same second as the stub.
    await delay(1100);
    await runCommand('touch', ['-a', stub]);
    const report = await patient.check();
    expect(report).to.include({ exit: 1, schema: 1, daemon: null, failures: 1 });
    expect(report.checks[0]).to.include({ check: 'daemon', status: 'failure' });
    expect(report.checks[0]?.message).to.match(
      /^Cannot reach the daemon at ".*": there is no such socket; the rest/u,
    );
    expect(report.checks[0]?.remedy).to.match(/^start "node-driver serve"/u);
    const others = report.checks.slice(1).filter(({ check }) => !ofTheMachine.has(check));
    expect(others.filter(({ status }) => status === 'failure' || status === 'warning')).to.deep.equal([]);
    expect(others.map(({ check }) => check)).to.include.members(['programs', 'users', 'stub', 'emulator']);
    for (const line of report.checks)
      expect(line).to.have.all.keys('check', 'subject', 'status', 'message', 'command', 'remedy');
  });

  it('prints a line for each check, and what they come to', async () => {
    const args = ['check', '--config', patient.driver.configPath];
    const { stdout } = await patient.driver.run(args, { allowFailure: true });
    expect(stdout).to.match(/^failure +daemon +Cannot reach the daemon at .*; start "node-driver serve"/mu);
    expect(stdout).to.match(/^ok +stub default +\/.*qemu-system-x86_64 is qemu-kube 0\.1\.0, 04750 0:\d+$/mu);
    expect(stdout).to.match(/\n\n\d+ ok, \d+ warning, 1 failure, \d+ skipped; without a daemon\n$/u);
    expect(stdout).to.not.include('\u001b');
  });

  it('has colours on a terminal alone, and none with NO_COLOR', async () => {
    const command = `${process.execPath} ${join(import.meta.dirname, '../../../daemon/main.ts')} check --config ${patient.driver.configPath}`;
    const onTerminal = async (environment: Readonly<Record<string, string>>): Promise<string> => {
      const args = ['-qec', command, '/dev/null'];
      return (await runCommand('script', args, { allowFailure: true, environment })).stdout;
    };
    expect(await onTerminal({ TERM: 'xterm', NO_COLOR: '' })).to.include('\u001b[32mok\u001b[0m ');
    expect(await onTerminal({ TERM: 'xterm', NO_COLOR: '1' })).to.not.include('\u001b');
  });

  it('a stub that others may write to', async () => {
    chmodSync(stub, 0o4757);
    const line = await patient.line('stub', 'default');
    expect(line).to.include({ status: 'failure' });
    expect(line.message).to.match(/can be written to by others than root \(04757, uid 0\)$/u);
    await patient.mend(line);
    // What is left of it is that everybody may execute it.
    await seeAndMend(
      ['stub', 'default'],
      'warning',
      /can be executed by everybody \(04755\)/u,
      /chmod 4750/u,
    );
  });

  it('a stub that is not executable', async () => {
    chmodSync(stub, 0o4640);
    await seeAndMend(['stub', 'default'], 'failure', /is not executable \(04640\)/u, /^chmod 4750 /u);
  });

  it("a stub that QEMU's user may not execute", async () => {
    chownSync(stub, 0, 0);
    chmodSync(stub, 0o4750);
    await seeAndMend(
      ['stub', 'default'],
      'failure',
      /can't be executed by who .* \(04750, gid 0\)/u,
      /^chgrp \d+ /u,
    );
  });

  it('a setuid stub on a mount with nosuid', async () => {
    const profile = join(patient.emulators, 'figures');
    mkdirSync(profile, { mode: 0o755 });
    await mount('nosuid,mode=755', profile);
    copyFileSync(stub, join(profile, 'qemu-system-x86_64'));
    chownSync(join(profile, 'qemu-system-x86_64'), 0, account.gid);
    chmodSync(join(profile, 'qemu-system-x86_64'), 0o4750);
    symlinkSync('/usr/bin/qemu-system-x86_64', join(profile, 'local'));
    await seeAndMend(['stub', 'figures'], 'failure', /on a mount with nosuid/u, /^mount -o remount,suid /u);
  });

  it('a directory that others may write to', async () => {
    chmodSync(dirname(stub), 0o777);
    await seeAndMend(['stub', 'default'], 'failure', /others than root may write to /u, /^chown root /u);
  });

  it('a stub that is a link', async () => {
    const real = join(scratch.directory, 'elsewhere');
    renameSync(stub, real);
    symlinkSync(real, stub);
    await seeAndMend(['stub', 'default'], 'failure', /is a link/u, /^cp --remove-destination /u);
  });

  it('a stub for another architecture, and how it is installed anew', async () => {
    const content = readFileSync(stub);
    content.writeUInt16LE(183, 18);
    writeFileSync(stub, content);
    chmodSync(stub, 0o4750);
    const line = await patient.line('stub', 'default');
    expect(line.message).to.match(/is for aarch64, and this node is x86_64$/u);
    expect(line.command).to.equal(
      `node-driver install --target ${patient.emulators} --profile default --emulator qemu-system-x86_64 --setuid ` +
        `--group ${account.gid} --local /usr/bin/qemu-system-x86_64`,
    );
    await patient.mend(line);
    // What comes with the program is compiled for the socket of a node, not for that of this test.
    expect(await patient.line('stub', 'default')).to.deep.include({
      status: 'failure',
      message: `${stub} looks for the daemon at /run/kubevirt-node-driver/launch/launch.sock, which serves ${patient.driver.launchSocket}`,
    });
  });

  it('an emulator in the place of a stub', async () => {
    copyFileSync('/bin/true', stub);
    chmodSync(stub, 0o755);
    const line = await patient.line('stub', 'default');
    expect(line).to.include({ status: 'failure' });
    expect(line.message).to.match(/is no stub: VMs that name it .* run without the driver$/u);
  });

  it('a link "local" that is missing, or leads nowhere, or to the stub', async () => {
    const local = join(dirname(stub), 'local');
    const faults: readonly [string | null, RegExp][] = [
      [null, /no emulator behind .*local \(ENOENT\)/u],
      ['/nowhere/qemu', /no emulator behind .*local \(ENOENT\)/u],
      [stub, /leads to a stub, .*, which would probe itself/u],
      ['/etc/passwd', /leads to \/etc\/passwd, which is no program/u],
    ];
    for (const [target, message] of faults) {
      rmSync(local, { force: true });
      if (target !== null) symlinkSync(target, local);
      const line = await patient.line('emulator', 'default');
      expect(line).to.include({ status: 'failure' });
      expect(line.message).to.match(message);
      await patient.mend(line);
      // As young as it is, libvirt may not have noticed.
      expect((await patient.line('emulator', 'default')).status).to.be.oneOf(['ok', 'warning']);
      expect(readlinkSync(local)).to.equal('/usr/bin/qemu-system-x86_64');
    }
  });

  it('an emulator that is newer than the stub', async () => {
    const emulator = join(scratch.directory, 'qemu');
    await delay(1100);
    copyFileSync('/bin/true', emulator);
    const local = join(dirname(stub), 'local');
    rmSync(local);
    symlinkSync(emulator, local);
    // libvirt counts in seconds.
    await delay(1100);
    await seeAndMend(
      ['emulator', 'default'],
      'warning',
      /is not older than the stub: libvirt may go on/u,
      /^touch -a /u,
    );
  });

  it("a state directory that is not root's alone, read-only or full", async () => {
    const state = join(scratch.directory, 'state');
    mkdirSync(state, { mode: 0o755 });
    await seeAndMend(['state', state], 'failure', /not root's alone \(uid 0, mode 0755\)/u, /^chown root: /u);
    await mount('size=128m,mode=700', state);
    await runCommand('mount', ['-o', 'remount,ro', state]);
    await seeAndMend(['state', state], 'failure', /read-only/u, /^mount -o remount,rw /u);
    await runCommand('sh', ['-c', `head -c 200m /dev/zero > ${state}/filler`], { allowFailure: true });
    const line = await patient.line('state', state);
    expect(line).to.include({ status: 'failure', command: `df ${state}` });
    expect(line.message).to.match(/is full \(0 MiB free\)/u);
  });

  it('programs that are missing', async () => {
    const shim = join(scratch.directory, 'stub/qemu-kube-shim');
    renameSync(shim, `${shim}.away`);
    cleanups.defer('put it back', () => renameSync(`${shim}.away`, shim));
    const line = await patient.line('programs', 'qemu-kube-shim');
    expect(line).to.include({ status: 'failure' });
    expect(line.message).to.match(/qemu-kube-shim can't be executed \(ENOENT\)/u);
  });

  it('users that the node does not have', async () => {
    patient.driver.configure({ 'launch-users': 'nobody-of-that-name' });
    const line = await patient.line('users', 'launch-users');
    expect(line).to.include({ status: 'failure' });
    expect(line.message).to.equal('nobody may launch: the node has none of the users nobody-of-that-name');
  });

  it('ends a bad configuration with 78, also as JSON, and wrong usage with 2', async () => {
    writeFileSync(patient.driver.configPath, 'modus = fork\n');
    const run = (...args: readonly string[]): ReturnType<NodeDriver['run']> =>
      patient.driver.run(['check', ...args], { allowFailure: true });
    const plain = await run('--config', patient.driver.configPath);
    expect(plain.status).to.equal(78);
    expect(plain.stderr).to.match(/line 1: .*"modus"/u);
    const json = await run('--config', patient.driver.configPath, '--json');
    expect(json.status).to.equal(78);
    expect(JSON.parse(json.stdout)).to.have.all.keys('file', 'problems');
    expect((await run('--sockets')).status).to.equal(2);
    expect((await run('now')).status).to.equal(2);
    expect((await run('--help')).stdout).to.match(/\nExample:\n/u);
  });

  it('leaves what only root can see to root', async () => {
    const { uid, gid } = account;
    const command = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', process.execPath];
    const main = join(import.meta.dirname, '../../../daemon/main.ts');
    const args = [...command.slice(1), main, 'check', '--json', '--config', patient.driver.configPath];
    const { stdout, status } = await runCommand('setpriv', args, { allowFailure: true });
    expect(status).to.equal(1);
    matchSchema('check', stdout);
    const { checks } = JSON.parse(stdout) as CheckReport;
    expect(new Set(checks.slice(1).map((line) => `${line.status} ${line.command ?? ''}`))).to.deep.equal(
      new Set(['skipped sudo node-driver check']),
    );
  });

  describe('with a daemon and libvirt', () => {
    before(async () => {
      patient.driver.configure();
      await patient.driver.start();
      isServing = true;
    });

    it('asks it', async () => {
      // The link was made in the same second as the stub, which the daemon puts right.
      // Until it has, each second may bring another answer: what is said of the rest is of the same report.
      const report = await waitUntil(
        'the daemon has looked at the profile',
        async () => {
          const all = await patient.check();
          const isRight = all.checks.some(({ check, status }) => check === 'emulator' && status === 'ok');
          return isRight ? all : undefined;
        },
        10_000,
      );
      expect(report).to.include({ exit: 0, failures: 0 });
      expect(report.daemon).to.have.all.keys('version', 'commit', 'nodeVersion');
      const statusOf = (name: string): readonly string[] =>
        report.checks
          .filter(({ check }) => check === name)
          .map(({ subject, status, message }) => `${subject} ${status === 'warning' ? message : status}`);
      expect(report.checks.slice(0, 4).map(({ check, status }) => `${check} ${status}`)).to.deep.equal([
        'daemon ok',
        'version ok',
        'config ok',
        'kernel ok',
      ]);
      expect(statusOf('sockets')).to.deep.equal(['launch.sock ok', 'api.sock ok']);
      expect(statusOf('stub')).to.deep.equal(['default ok']);
      expect(statusOf('emulator')).to.deep.equal(['default ok']);
      expect(statusOf('kubernetes')).to.deep.equal([' skipped']);
    });

    it('a socket that anybody may connect to, and a directory that anybody may enter', async () => {
      const { launchSocket } = patient.driver;
      chmodSync(launchSocket, 0o666);
      chmodSync(dirname(launchSocket), 0o755);
      const line = await patient.line('sockets', 'launch.sock');
      expect(line).to.include({ status: 'failure' });
      expect(line.message).to.match(
        /launch is 0755 .*, not 0750 .*, and .*launch\.sock is 0666 .*, not 0660 /u,
      );
      await patient.mend(line);
      expect(await patient.line('sockets', 'launch.sock')).to.include({ status: 'ok' });
    });

    it('a directory above the sockets that others may write to', async () => {
      chmodSync(scratch.runDirectory, 0o777);
      const line = await patient.line('sockets', 'launch.sock');
      expect(line.message).to.match(/^others than root may write to \/run\/knd-.*: the stub does not trust/u);
      await patient.mend(line);
      expect(await patient.line('sockets', 'launch.sock')).to.include({ status: 'ok' });
    });

    it('a configuration that changed since the daemon read it', async () => {
      const later = new Date(Date.now() + 1000);
      utimesSync(patient.driver.configPath, later, later);
      expect(await patient.line('config')).to.deep.include({
        status: 'warning',
        remedy: 'restart the daemon; VMs go on',
      });
    });

    it("libvirt's settings, where libvirt has them, and what it remembers of the stub", async () => {
      const wrong = ['namespaces = [ "mount" ]', 'remember_owner = 1', 'user = "root"'];
      const libvirt = await startLibvirt(scratch, { qemuConf: wrong });
      const who = `libvirtd (process ${libvirt.libvirtd.pid})`;
      const namespaces = await patient.line('libvirt', 'namespaces');
      expect(namespaces).to.include({ status: 'failure' });
      expect(namespaces.message).to.match(
        /\[ "mount" \]: libvirt would put QEMU into a namespace of its own/u,
      );
      expect(namespaces.message).to.include(who);
      const owner = await patient.line('libvirt', 'remember_owner');
      expect(owner).to.include({ status: 'warning' });
      for (const line of [namespaces, owner]) {
        await patient.mend(line);
        expect(await patient.line('libvirt', line.subject)).to.include({ status: 'ok' });
      }
      expect(await patient.line('libvirt', 'cgroup_controllers')).to.include({ status: 'ok' });
      expect((await patient.line('libvirt', 'user')).message).to.match(
        /"root" \(uid 0\) is not among those/u,
      );

      const cache = async (): Promise<string> => (await patient.line('probe-cache', 'default')).message;
      expect(await cache()).to.match(/has not probed .* yet/u);
      await libvirt.virsh(['domcapabilities', '--emulatorbin', patient.stub]);
      expect(await cache()).to.equal(`what ${who} remembers of ${patient.stub} is current`);
      await delay(1100);
      await runCommand('touch', ['-a', patient.stub]);
      expect(await cache()).to.match(/is older than the stub; the next start waits for a new probe$/u);
    });

    it('the end of the daemon', async () => {
      await patient.driver.end('SIGKILL');
      const { exit, checks } = await patient.check();
      expect(exit).to.equal(1);
      expect(checks[0]?.message).to.match(/: it is not running; the rest is as this command sees it$/u);
    });
  });
});
