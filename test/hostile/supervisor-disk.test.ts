import { expect } from 'chai';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { isRunning } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { expectNothingLeft, logLinesOf, startFakePod, startSupervisedVm } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

describe('a state directory that can not be written', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let state: string;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    await driver.end();
    state = join(driver.runDirectory, 'state');
    mkdirSync(state, { recursive: true });
    scratch.defer('unmount the state directory', () =>
      runCommand('umount', ['--lazy', state], { allowFailure: true }).then(() => undefined),
    );
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', state]);
    await driver.start();
  });
  after(() => scratch.close());
  beforeEach(async () => {
    pod = await startFakePod(scratch);
  });
  afterEach(async () => {
    await makeWritable();
    await pod.remove();
  });

  const remount = (options: string): Promise<unknown> =>
    runCommand('mount', ['-o', `remount,${options}`, state]);
  const fill = (): void => {
    try {
      for (;;) writeFileSync(join(state, 'filler'), Buffer.alloc(4096), { flag: 'a' });
    } catch {
      // That is what it is for.
    }
  };
  const makeWritable = async (): Promise<void> => {
    await remount('rw');
    rmSync(join(state, 'filler'), { force: true });
  };
  const ways = [
    { how: 'full', spoil: fill },
    { how: 'read-only', spoil: () => remount('ro') },
  ] as const;

  for (const { how, spoil } of ways) {
    it(`${how}: a start is refused in one line and leaves nothing, and the next one succeeds`, async () => {
      await spoil();
      const launch = launchFake(driver, pod, { args: ['wait'] });
      expect((await launch.ended).status).to.equal(125);
      expect(launch.stderr).to.match(/^qemu-kube: Cannot [^\n]+\n$/);
      expect(pod.processes).to.deep.equal([pod.pid]);
      await makeWritable();
      await expectNothingLeft(driver, pod);
      const again = launchFake(driver, pod, { args: ['exit=42'] });
      expect((await again.ended).status, again.stderr).to.equal(42);
    });

    it(`${how}: a VM that runs ends as it ends, and the daemon knows how`, async () => {
      const { launch } = await startSupervisedVm(driver, pod);
      await spoil();
      launch.stub.kill('SIGTERM');
      expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      await waitUntil('it is logged', () => logLinesOf(driver, pod, 'A VM ended')[0], 5000);
      expect(logLinesOf(driver, pod, 'A VM ended')).to.have.lengthOf(1);
      await makeWritable();
      await driver.end();
      await driver.start();
      await expectNothingLeft(driver, pod);
    });

    it(`${how}: an end that nobody could write down is never taken for a success`, async () => {
      const { launch, emulator } = await startSupervisedVm(driver, pod);
      await driver.end('SIGKILL');
      await spoil();
      launch.stub.kill('SIGTERM');
      expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      expect(isRunning(emulator)).to.equal(false);
      await makeWritable();
      await driver.start();
      const listed = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
      expect(listed.stdout).to.not.match(/"exit":\{"status":0/);
      expect(listed.stdout).to.include('lost');
      await expectNothingLeft(driver, pod);
    });
  }

  it('deleted: a VM runs on without its record, and ends as it ends', async () => {
    const { launch, emulator } = await startSupervisedVm(driver, pod);
    for (const name of readdirSync(state)) rmSync(join(state, name), { recursive: true });
    expect(isRunning(emulator)).to.equal(true);
    launch.stub.kill('SIGHUP');
    await launch.waitForLine('signal 01');
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    await expectNothingLeft(driver, pod);
    const again = launchFake(driver, pod, { args: ['exit=42'] });
    expect((await again.ended).status, again.stderr).to.equal(42);
  });
});
