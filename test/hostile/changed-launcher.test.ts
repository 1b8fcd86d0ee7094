import { expect } from 'chai';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup } from '../support/cgroups.ts';
import { Failpoints } from '../support/failpoints.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import {
  endProcess,
  identify,
  readNamespace,
  readProcess,
  signalProcess,
  type ProcessIdentity,
} from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { withoutLaunchId } from '../support/start-bench.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';
import { waitForStoppedShim } from '../support/stopped-shim.ts';

const vmName = 'changed';
/** Where what enters the pod has all that the daemon decided, and has opened nothing of the launcher yet. */
const decided = { fork: 'fds-collected', exec: 'enter-received' } as const;

for (const mode of ['fork', 'exec'] as const)
  describe(`a launcher that changes once it has been decided on, in ${mode} mode,`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let failpoints: Failpoints;
    let pod: Sandbox;
    let launcher: ProcessIdentity;

    before(async () => {
      scratch = Scratch.open('test');
      failpoints = Failpoints.open(scratch);
      driver = await startNodeDriver(scratch, { mode, failpoints, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());
    beforeEach(async () => {
      const vmUuid = `${scratch.id}-${mode}`;
      pod = await startSandbox(scratch, {
        vmUuid,
        vmName,
        argv: ['pause'],
        user: { uid: 0, gid: 0 },
        capabilities: ['CAP_SYS_ADMIN'],
        mounts: [fakeEmulatorMount, failpoints.mount],
      });
      // Its container's first process stays, whatever becomes of it.
      launcher = identify(
        (
          await pod.execBackground([
            'virt-launcher',
            ...['-kubevirt.vm.uuid', vmUuid, '-kubevirt.vm.name', vmName],
          ])
        ).pid,
      );
    });
    afterEach(async () => {
      failpoints.clear();
      await pod.remove();
    });

    /** Does that at this point of a launch; gives what the stub says then. */
    const refuseAfter = async (point: string, change: () => Promise<void> | void): Promise<string> => {
      failpoints.set(point);
      const launch = launchFake(driver, pod, { args: ['wait'] });
      const hasStopped = (): ProcessIdentity | undefined =>
        readProcess(launch.pid)?.state === 'T' ? identify(launch.pid) : undefined;
      const stopped =
        mode === 'fork'
          ? await waitForStoppedShim(driver, point)
          : await waitUntil(`the stub stops at "${point}"`, hasStopped, 10_000, 10);
      try {
        await change();
      } finally {
        signalProcess(stopped, 'SIGCONT');
      }
      const isRefused = await Promise.race([
        launch.ended.then(() => true),
        launch.waitForLine('ready').then(() => false),
      ]);
      launch.stub.kill('SIGTERM');
      const { status } = await launch.ended;
      expect({ isRefused, status }, launch.stderr).to.deep.equal({ isRefused: true, status: 125 });
      expect(launch.report).to.deep.equal([]);
      await waitUntil(
        'nothing has been left in the pod',
        () => (pod.processes.every((pid) => [pod.pid, launcher.pid].includes(pid)) ? true : undefined),
        5000,
      );
      signalProcess(launcher, 'SIGTERM');
      await expectNothingLeft(driver);
      return withoutLaunchId(launch.stderr);
    };
    const hasChanged = (what: string): string =>
      `${driver.stubName}: Cannot enter the pod: its launcher changed or ended while the VM was starting (${what}: Stale ` +
      'file handle); start the VM again when the pod is running\n';

    it('is not followed into a namespace that it has made', async () => {
      const unshare = async (): Promise<void> => {
        const before = readNamespace(launcher.pid, 'uts');
        signalProcess(launcher, 'SIGUSR1');
        const hasChangedIt = (): true | undefined =>
          readNamespace(launcher.pid, 'uts') === before ? undefined : true;
        await waitUntil('it has a UTS namespace of its own', hasChangedIt, 5000);
      };
      expect(await refuseAfter(decided[mode], unshare)).to.equal(hasChanged('ns/uts'));
    });

    it('is missed where it ends after it was looked into, and its container goes on', async () => {
      expect(await refuseAfter('target-opened', () => endProcess(launcher, 0))).to.equal(
        `${driver.stubName}: Cannot start the VM: its pod ended meanwhile; start the VM again when the pod is running\n`,
      );
    });

    // Of exec mode it is the daemon that moves the stub.
    if (mode === 'fork')
      it('is not followed into a cgroup that it has moved to', async () => {
        const leaves = findCgroup(pod.cgroup).map((directory) => join(directory, 'leaf'));
        const move = (): void => {
          for (const leaf of leaves) {
            mkdirSync(leaf);
            // In that of cpusets nobody can be before it has CPUs.
            if (leaf.includes('/cpuset')) continue;
            writeFileSync(join(leaf, 'cgroup.procs'), String(launcher.pid));
          }
        };
        try {
          expect(await refuseAfter(decided[mode], move)).to.equal(hasChanged('cgroup'));
        } finally {
          await endProcess(launcher, 0);
          for (const leaf of leaves) rmdirSync(leaf);
        }
      });
  });
