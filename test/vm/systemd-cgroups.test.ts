import { expect } from 'chai';
import { findCgroup, readCgroups } from '../support/cgroups.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, isRunning, type ProcessIdentity } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The longest that the end of a pod's VM may take. */
const FENCE_MS = 5000;

describe('a pod whose cgroups systemd makes', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let sandbox: Sandbox;
  let count = 0;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch.close());
  afterEach(() => sandbox.remove());

  const start = async (): Promise<{ readonly launch: FakeLaunch; readonly emulator: ProcessIdentity }> => {
    const name = `scope-${++count}`;
    const vm = { vmUuid: name, vmName: name, systemdCgroup: true };
    sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    await launch.waitForLine('ready').catch((error: unknown) => {
      throw new Error(`${launch.stderr}${driver.log}`, { cause: error });
    });
    const [pid = 0] = sandbox.processes.filter((each) => each !== sandbox.pid);
    return { launch, emulator: identify(pid) };
  };

  it('has its VM in the scope of its container, also after systemd reads its units again', async () => {
    const { launch, emulator } = await start();
    expect([...readCgroups(emulator.pid)]).to.deep.equal([['', sandbox.cgroup]]);
    await runCommand('systemctl', ['daemon-reload']);
    expect([...readCgroups(emulator.pid)]).to.deep.equal([['', sandbox.cgroup]]);
    const resolve = ['resolve', '--uuid', sandbox.vmUuid, '--json', '--socket', driver.apiSocket];
    const { stdout } = await driver.run(resolve);
    expect(stdout).to.include(sandbox.podUid).and.include(sandbox.containerId);
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    expect(isRunning(sandbox.init)).to.equal(true);
  });

  it('takes its VM along when its container is killed, and no scope stays', async () => {
    const { launch, emulator } = await start();
    await sandbox.kill('SIGKILL');
    await sandbox.delete();
    await launch.ended;
    expect(isRunning(emulator)).to.equal(false);
    await waitUntil(
      'the scope is gone',
      () => (findCgroup(sandbox.cgroup).length === 0 ? true : undefined),
      FENCE_MS,
    );
  });

  it('takes its VM along when systemd stops the scope', async () => {
    const { launch, emulator } = await start();
    const [scope = ''] = sandbox.cgroup.split('/').slice(-1);
    await runCommand('systemctl', ['stop', scope]);
    await launch.ended;
    expect(isRunning(emulator)).to.equal(false);
    await waitUntil(
      'the scope is gone',
      () => (findCgroup(sandbox.cgroup).length === 0 ? true : undefined),
      FENCE_MS,
    );
  });
});
