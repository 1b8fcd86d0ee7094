import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  startContainerdContainer,
  startPodmanContainer,
  type BareContainer,
} from '../../support/bare-container.ts';
import { fakeEmulator, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { listProcesses, readArguments, readNamespace } from '../../support/processes.ts';
import { Scratch } from '../../support/scratch.ts';

describe('containers of other runtimes', function () {
  this.timeout(90_000);
  let scratch: Scratch;
  beforeEach(() => {
    scratch = Scratch.open('test');
  });
  afterEach(() => scratch.close());

  const start = (settings: Readonly<Record<string, string>> = {}): Promise<NodeDriver> =>
    startNodeDriver(scratch, { settings: { emulator: fakeEmulator, ...settings } });
  const newPodCgroup = (): string => `/kubepods/besteffort/pod${randomUUID()}`;

  /** The stand-in runs where the launcher runs. */
  const expectLaunch = async (driver: NodeDriver, container: BareContainer): Promise<void> => {
    const launch = launchFake(driver, container, { args: ['wait'] });
    await launch.waitForLine('ready').catch((error: unknown) => {
      throw new Error(launch.stderr, { cause: error });
    });
    const emulator = listProcesses().find(
      ({ pid }) =>
        readArguments(pid)[0] === fakeEmulator && readArguments(pid)[2] === `guest=${container.vmName}`,
    );
    if (emulator === undefined) throw new Error('There is no emulator');
    for (const name of ['net', 'ipc', 'uts', 'cgroup', 'mnt'] as const)
      expect(readNamespace(emulator.pid, name), name).to.equal(readNamespace(container.pid, name));
    const lines = readFileSync(`/proc/${emulator.pid}/cgroup`, 'utf8');
    expect(lines)
      .to.equal(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8'))
      .and.include(container.containerId);
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
  };

  it('podman in the cgroup of a pod', async () => {
    const container = await startPodmanContainer(scratch, { name: 'in-podman', podCgroup: newPodCgroup() });
    await expectLaunch(await start(), container);
  });

  it('podman on a host without Kubernetes, with require-pod = no', async () => {
    const container = await startPodmanContainer(scratch, { name: 'podman-alone' });
    await expectLaunch(await start({ 'require-pod': 'no' }), container);
  });

  it('podman on a host without Kubernetes is refused by default', async () => {
    const container = await startPodmanContainer(scratch, { name: 'podman-refused' });
    const launch = launchFake(await start(), container, { args: ['exit=0'] });
    expect((await launch.ended).status).to.equal(125);
    expect(launch.stderr).to.match(/is in the cgroup of no pod; .*\n$/);
  });

  it('containerd in the cgroup of a pod', async () => {
    const containerId = randomBytes(32).toString('hex');
    const container = await startContainerdContainer(scratch, {
      name: 'in-containerd',
      podCgroup: newPodCgroup(),
      containerId,
    });
    await expectLaunch(await start(), container);
  });
});
