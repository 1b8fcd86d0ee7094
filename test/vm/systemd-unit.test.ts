import { expect } from 'chai';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup, readCgroups } from '../support/cgroups.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, isRunning, readProcess, type ProcessIdentity } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import { readTimeScale } from '../support/time-scale.ts';
import { waitUntil } from '../support/wait-until.ts';

const main = join(import.meta.dirname, '../../daemon/main.ts');

interface Running {
  readonly launch: FakeLaunch;
  readonly emulator: ProcessIdentity;
  readonly shim: ProcessIdentity;
}

/** What is mounted where, without the numbers that tell one mount from its equal. */
function listHostMounts(): readonly string[] {
  return readFileSync('/proc/1/mountinfo', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').slice(2).join(' '))
    .sort();
}

/** `WatchdogSec=30` as it is on a machine that takes longer for everything. */
function scaleSeconds(property: string): string {
  return property.replace(/(?<=^[A-Z][A-Za-z]+Sec=)\d+$/u, (seconds) =>
    String(Number(seconds) * readTimeScale()),
  );
}

describe('a daemon that is a unit of systemd, on cgroup v2 alone', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let sandbox: Sandbox;
  let unit = '';
  let count = 0;

  before(async function () {
    if (!existsSync('/run/systemd/system')) skip(this, 'the init of this machine is not systemd');
    if (!existsSync('/sys/fs/cgroup/cgroup.procs')) skip(this, 'this machine has more than cgroup v2');
    scratch = Scratch.open('test');
    scratch.defer('stop the unit', () => systemctl('stop', unit));
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    await driver.end();
  });
  after(async () => {
    if (existsSync('/run/systemd/system')) await scratch.close();
  });
  afterEach(async () => {
    await systemctl('stop', unit);
    await sandbox.remove();
  });

  const systemctl = async (...args: readonly string[]): Promise<void> => {
    await runCommand('systemctl', args, { allowFailure: true });
  };
  const waitUntilReady = (): Promise<true> =>
    waitUntil('the unit is ready', async () => ((await driver.isReady()) ? true : undefined), 20_000);
  const startUnit = async (...properties: readonly string[]): Promise<void> => {
    unit = `${scratch.id}-${++count}.service`;
    const options = [
      '--collect',
      '--quiet',
      '--unit',
      unit,
      ...properties.map((each) => `--property=${each}`),
    ];
    const output = [`--property=StandardError=append:${driver.logPath}`];
    const command = [process.execPath, main, 'serve', '--config', driver.configPath];
    await runCommand('systemd-run', [...options, ...output, '--', ...command]);
    await waitUntilReady();
  };
  const start = async (): Promise<Running> => {
    const name = `unit-${count}`;
    sandbox = await startSandbox(scratch, { vmUuid: name, vmName: name, mounts: [fakeEmulatorMount] });
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    await launch.waitForLine('ready').catch((error: unknown) => {
      throw new Error(`${launch.stderr}${driver.log}`, { cause: error });
    });
    const [pid = 0] = sandbox.processes.filter((each) => each !== sandbox.pid);
    const emulator = identify(pid);
    return { launch, emulator, shim: identify(readProcess(pid)?.parent ?? 0) };
  };
  const expectAdopted = async ({ launch, emulator, shim }: Running): Promise<void> => {
    expect(isRunning(shim), 'the shim runs').to.equal(true);
    expect(isRunning(emulator), 'the emulator runs').to.equal(true);
    // The command gives up after five seconds, which an emulated processor may need.
    const listed = await waitUntil(
      'the daemon lists its VMs',
      () => driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]).catch(() => undefined),
      20_000,
    );
    expect(listed.stdout).to.include(`"${sandbox.vmUuid}"`).and.include(String(emulator.pid));
    const shimCgroup = readCgroups(shim.pid).get('') ?? '';
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    await waitUntil(
      'the cgroup of the shim is gone',
      () => (findCgroup(shimCgroup).length === 0 ? true : undefined),
      5000,
    );
  };

  it('has its VM in the cgroup of the pod, and the shim in one of its own below the root', async () => {
    await startUnit();
    const { launch, emulator, shim } = await start();
    expect([...readCgroups(emulator.pid)]).to.deep.equal([['', sandbox.cgroup]]);
    const [[hierarchy, path = ''] = []] = readCgroups(shim.pid);
    expect(hierarchy).to.equal('');
    expect(path).to.match(/^\/kubevirt-node-driver\/[0-9a-f-]{36}$/);
    expect(readlinkSync(`/proc/${shim.pid}/ns/mnt`)).to.equal(readlinkSync('/proc/1/ns/mnt'));
    launch.stub.kill('SIGTERM');
    await launch.ended;
  });

  it('compares its namespaces with those of init, without a warning', async () => {
    await startUnit();
    await start();
    expect(driver.log)
      .to.include('Serving')
      .and.not.match(/Cannot read \S+\/1\/ns/);
  });

  it("leaves no trace of a VM in the host's mounts, which are shared", async () => {
    expect(readFileSync('/proc/1/mountinfo', 'utf8')).to.match(/ \/ \/ \S+ shared:/);
    await startUnit();
    const before = listHostMounts();
    const { launch } = await start();
    expect(listHostMounts()).to.deep.equal(before);
    launch.stub.kill('SIGTERM');
    await launch.ended;
    expect(listHostMounts()).to.deep.equal(before);
  });

  it('is stopped and started again: its VM survives', async () => {
    await startUnit();
    const running = await start();
    await systemctl('stop', unit);
    expect(await driver.isReady()).to.equal(false);
    await startUnit();
    await expectAdopted(running);
  });

  it('is restarted: its VM survives', async () => {
    await startUnit();
    const running = await start();
    await runCommand('systemctl', ['restart', unit]);
    await waitUntilReady();
    await expectAdopted(running);
  });

  it('is killed with all that is in its cgroup and restarted by systemd: its VM survives', async () => {
    await startUnit('Restart=always', 'RestartSec=100ms');
    const running = await start();
    await runCommand('systemctl', ['kill', '--kill-whom=all', '--signal=KILL', unit]);
    await waitUntilReady();
    await expectAdopted(running);
  });

  it('keeps its VM when systemd reads its units again and when it executes itself anew', async () => {
    await startUnit();
    const running = await start();
    await runCommand('systemctl', ['daemon-reload']);
    await runCommand('systemctl', ['daemon-reexec']);
    await waitUntilReady();
    await expectAdopted(running);
  });

  it('tells how it does, restricted as the unit of deploy/ has it: its VM survives a restart', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../deploy/systemd/node-driver.service'), 'utf8');
    const [, service = ''] = /^\[Service\]\n([^]*?)\n\[/mu.exec(text) ?? [];
    const properties = service.split('\n').filter((line) => /^(?!Exec)[A-Z][A-Za-z]+=/u.test(line));
    expect(properties).to.include.members(['Type=notify', 'KillMode=process', 'WatchdogSec=30']);
    await startUnit(...properties.map(scaleSeconds));
    const show = async (property: string): Promise<string> =>
      (await runCommand('systemctl', ['show', '--value', '--property', property, unit])).stdout.trim();
    expect(await show('ActiveState')).to.equal('active');
    const running = await start();
    await waitUntil(
      'systemd knows of the VM',
      async () => ((await show('StatusText')) === 'Serving; VMs here: 1' ? true : undefined),
      10_000,
    );
    await runCommand('systemctl', ['restart', unit]);
    await waitUntilReady();
    await expectAdopted(running);
  });

  it('starts VMs from a mount namespace of its own, with the shim in that of the host', async () => {
    await startUnit('PrivateMounts=yes', 'PrivateTmp=yes');
    const running = await start();
    expect(readlinkSync(`/proc/${running.shim.pid}/ns/mnt`)).to.equal(readlinkSync('/proc/1/ns/mnt'));
    await runCommand('systemctl', ['restart', unit]);
    await waitUntilReady();
    await expectAdopted(running);
  });
});
