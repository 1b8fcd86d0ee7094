import { expect } from 'chai';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { fakeEmulator, launchFake, type FakeLaunch } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand, type CommandResult } from '../../support/run-command.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { expectNothingLeft, startFakePod, startSupervisedVm } from '../../support/supervised-vm.ts';
import { stubSources } from './installed-stub.ts';

const script = join(stubSources, 'install-stub.sh');
const account = findQemuAccount();
const INSTALLATIONS = 20;

describe('the installation of a stub', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let build: string;
  let target: string;

  before(async () => {
    scratch = Scratch.open('test');
    build = join(scratch.directory, 'build');
    mkdirSync(join(scratch.directory, 'emulators'), { mode: 0o755 });
    target = join(scratch.directory, 'emulators/qemu-system-x86_64');
    await runCommand('make', ['-s', '-C', stubSources, `BUILD=${build}`]);
  });
  after(() => scratch.close());

  const install = (to?: string, through: readonly string[] = []): Promise<CommandResult> => {
    const [command, ...args] = [...through, script, join(build, 'qemu-kube'), to ?? target];
    return runCommand(command, [...args, String(account.gid)], { allowFailure: true });
  };

  it('gives it to root and the group of QEMU, setuid, for nobody else, and leaves nothing beside it', async () => {
    await runCommand('make', [
      '-s',
      '-C',
      stubSources,
      `BUILD=${build}`,
      'install',
      `TARGET=${target}`,
      `GROUP=${account.gid}`,
    ]);
    const { uid, gid, mode } = statSync(target);
    expect({ uid, gid, mode: mode.toString(8) }).to.deep.equal({ uid: 0, gid: account.gid, mode: '104750' });
    expect(readFileSync(target).equals(readFileSync(join(build, 'qemu-kube')))).to.equal(true);
    expect(readdirSync(join(target, '..'))).to.deep.equal(['qemu-system-x86_64']);
  });

  it('gives what it replaces no owner, mode or content of its own', async () => {
    writeFileSync(target, 'what was there', { mode: 0o777 });
    chmodSync(target, 0o777);
    const before = statSync(target).ino;
    expect((await install()).stderr).to.equal('');
    expect(statSync(target)).to.include({ uid: 0, gid: account.gid, mode: 0o104750 });
    expect(statSync(target).ino).to.not.equal(before);
  });

  it('has it on the disk before it is there, and the directory after that', async () => {
    const log = join(scratch.directory, 'strace.log');
    const strace = [
      'strace',
      '-f',
      '-y',
      '-o',
      log,
      '-e',
      'trace=fsync,rename,renameat,renameat2,chmod,fchmodat',
    ];
    expect((await install(target, strace)).stderr).to.equal('');
    const calls = readFileSync(log, 'latin1')
      .split('\n')
      .flatMap((line) => /^\d+ +(\w+)\((.*)\) += 0$/.exec(line)?.slice(1, 3).join(' ') ?? []);
    const positionOf = (pattern: RegExp): number => calls.findIndex((call) => pattern.test(call));
    const order = [
      /mod.*04750/,
      /^fsync .*\.new>/,
      /^rename.*\.new".*qemu-system-x86_64"/,
      /^fsync .*emulators>/,
    ];
    const positions = order.map(positionOf);
    expect(positions, calls.join('\n')).to.not.include(-1);
    expect(positions).to.deep.equal(positions.toSorted((a, b) => a - b));
  });

  it('lets whoever calls it meanwhile have the old one or the new one', async () => {
    await install();
    const ids = ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', '--'];
    const loop = `while [ ! -e "$2" ]; do "$1" --version || echo failed; done`;
    const stop = join(scratch.directory, 'stop');
    const calls = runCommand('sh', ['-c', `exec ${ids.join(' ')} sh -c '${loop}' sh ${target} ${stop}`]);
    for (let count = 0; count < INSTALLATIONS; count++) expect((await install()).stderr).to.equal('');
    writeFileSync(stop, '');
    const { stdout, stderr } = await calls;
    const lines = stdout.split('\n').filter(Boolean);
    expect(stderr).to.equal('');
    expect(lines).to.have.lengthOf.at.least(INSTALLATIONS);
    expect([...new Set(lines)]).to.have.lengthOf(1);
  });

  it('says what stands against it, and changes nothing', async () => {
    const mounted = join(scratch.directory, 'mounted');
    mkdirSync(mounted);
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'nosuid,mode=755', 'tmpfs', mounted]);
    expect((await install(join(mounted, 'qemu-system-x86_64'))).stderr).to.equal(
      `Cannot install the stub: ${mounted} is mounted with nosuid, so it would have no privileges; mount that without ` +
        'nosuid\n',
    );
    expect(readdirSync(mounted)).to.deep.equal([]);

    const before = statSync(target);
    const ids = ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', '--'];
    expect((await install(target, ids)).stderr).to.equal(
      'Cannot install the stub: only root can; run it as root\n',
    );
    const missing = await runCommand(script, ['/nonexistent', target, String(account.gid)], {
      allowFailure: true,
    });
    expect(missing.status).to.not.equal(0);
    const nobodys = await runCommand(script, [join(build, 'qemu-kube'), target, 'no-such-group'], {
      allowFailure: true,
    });
    expect(nobodys.status).to.not.equal(0);
    expect(statSync(target)).to.include({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(readdirSync(join(target, '..'))).to.deep.equal(['qemu-system-x86_64']);
  });
});

for (const mode of ['fork', 'exec'] as const)
  describe(`an upgrade of the stub while VMs of ${mode} mode run`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
      pod = await startFakePod(scratch);
    });
    after(() => scratch.close());

    it('lets the old one go on, and starts the next VM with the new one', async () => {
      const other = join(scratch.directory, 'other');
      copyFileSync(join(scratch.directory, 'stub', driver.stubName), other);
      // What follows the last section is no part of the program.
      writeFileSync(other, 'of another release', { flag: 'a' });
      const start = async (): Promise<FakeLaunch> => {
        if (mode === 'fork') return (await startSupervisedVm(driver, pod)).launch;
        const launch = launchFake(driver, pod, { args: ['wait'] });
        await launch.waitForLine('ready');
        return launch;
      };
      const run = async (meanwhile: (stub: number) => Promise<void>): Promise<void> => {
        const launch = await start();
        await meanwhile(launch.pid);
        launch.stub.kill('SIGTERM');
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
        await expectNothingLeft(driver, pod);
      };
      await run(async (stub) => {
        await runCommand(script, [other, driver.emulator, String(account.gid)]);
        if (mode === 'fork')
          expect(readlinkSync(`/proc/${stub}/exe`)).to.equal(`${driver.emulator} (deleted)`);
      });
      expect(readFileSync(driver.emulator, 'latin1')).to.include('of another release');
      await run((stub) => {
        if (mode === 'fork') expect(readlinkSync(`/proc/${stub}/exe`)).to.equal(driver.emulator);
        return Promise.resolve();
      });
    });
  });
