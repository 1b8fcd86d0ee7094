import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCgroups } from '../support/cgroups.ts';
import { Failpoints } from '../support/failpoints.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { withFault } from '../support/fault-injection.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { endProcess, identify, readProcess, signalProcess } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import { waitForStoppedShim } from '../support/stopped-shim.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { TestCgroup } from '../support/test-cgroup.ts';
import { waitUntil } from '../support/wait-until.ts';

const watcher = join(import.meta.dirname, '../fixtures/build/watch-cgroup');
const STARTS = 100;
/** Processes that join the daemon's cgroup and end. */
const OTHERS = 40;
const steps = {
  fork: ['child-born', 'cgroups-joined', 'namespaces-entered', 'before-exec'],
  exec: ['enter-received', 'namespaces-entered', 'before-exec'],
} as const;

for (const mode of ['fork', 'exec'] as const)
  describe(`the cgroups of what becomes QEMU, in ${mode} mode`, function () {
    this.timeout(120_000);
    this.retries(0); // what goes wrong at one moment of many is what is looked for
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;
    let failpoints: Failpoints;
    let daemons: TestCgroup;

    before(async () => {
      scratch = Scratch.open('test');
      failpoints = Failpoints.open(scratch);
      daemons = TestCgroup.make(scratch, 'daemon');
      driver = await startNodeDriver(scratch, {
        mode,
        failpoints,
        settings: { emulator: fakeEmulator, 'launch-rate': 'off', 'secret-lifetime': '24h' },
        run: ([program = '', ...args], log) => {
          const [shell = '', ...rest] = daemons.around([program, ...args]);
          return scratch.startBackground(shell, rest, log);
        },
      });
      pod = await startSandbox(scratch, {
        vmUuid: `cgroups-${mode}`,
        vmName: 'cgroups',
        mounts: [fakeEmulatorMount, failpoints.mount],
      });
      expect([...readCgroups(driver.process.pid).values()].every((path) => path === daemons.path)).to.equal(
        true,
      );
    });
    after(() => scratch.close());
    afterEach(() => failpoints.clear());

    const textOf = (pid: number): string => readFileSync(`/proc/${pid}/cgroup`, 'latin1');
    const end = async (launch: FakeLaunch): Promise<void> => {
      launch.stub.kill('SIGTERM');
      await launch.ended;
      await expectNothingLeft(driver, pod);
    };

    for (const step of steps[mode])
      it(`are the launcher's, or were never the daemon's, at ${step}`, async () => {
        failpoints.set(step);
        const launch = launchFake(driver, pod, { args: ['wait'] });
        const held =
          mode === 'fork'
            ? await waitForStoppedShim(driver, step)
            : await waitUntil(
                `the stub stops at "${step}"`,
                () => (readProcess(launch.pid)?.state === 'T' ? identify(launch.pid) : undefined),
                10_000,
              );
        try {
          // Only what a process is born in, with a cgroup of version 1, is not yet the pod's.
          if (step === 'child-born')
            for (const [hierarchy, path] of readCgroups(held.pid))
              expect(path, hierarchy).to.match(new RegExp(`^(${pod.cgroup}|/kubevirt-node-driver/[^/]+)$`));
          else expect(textOf(held.pid)).to.equal(textOf(pod.pid));
        } finally {
          signalProcess(held, 'SIGCONT');
        }
        await launch.waitForLine('ready');
        const [pid] = launch.facts('pid').map((fact) => Number(fact.split(' ')[0]));
        expect(textOf(pid ?? 0)).to.equal(textOf(pod.pid));
        await end(launch);
      });

    it(`are never the daemon's while ${STARTS} VMs start`, async () => {
      const log = join(scratch.directory, `watch-${mode}.log`);
      const watch = await scratch.startBackground(watcher, daemons.directories, log);
      const qemus: string[] = [];
      const others: string[] = [];
      try {
        await waitUntil(
          'the cgroup is watched',
          () => (readFileSync(log, 'latin1').startsWith('ready\n') ? true : undefined),
          5000,
        );
        for (let start = 0; start < STARTS; start++) {
          const launch = launchFake(driver, pod, { args: ['exit=42'] });
          expect((await launch.ended).status, launch.stderr).to.equal(42);
          const [pid = ''] = launch.facts('pid')[0]?.split(' ') ?? [];
          qemus.push(pid);
        }
        for (let other = 0; other < OTHERS; other++) {
          const [shell = '', ...rest] = daemons.around(['sleep', '0.002']);
          const child = spawn(shell, rest, { stdio: 'ignore' });
          await once(child, 'exit');
          others.push(String(child.pid));
        }
      } finally {
        await endProcess(watch);
      }
      const seen = new Set(readFileSync(log, 'latin1').split('\n'));
      expect(qemus.filter((pid) => seen.has(pid))).to.deep.equal([]);
      expect(seen).to.include(String(driver.process.pid));
      // Who sees these, on a busy machine, sees what is there for a few milliseconds.
      expect(others.filter((pid) => seen.has(pid)).length).to.be.at.least(OTHERS / 4);
    });

    if (mode === 'fork') {
      const launchWithFault = async (
        when: string,
        action: (launch: FakeLaunch) => Promise<unknown>,
      ): Promise<FakeLaunch> => {
        failpoints.set('fds-collected');
        // The stand-in asks for each number that an fd can have, which takes seconds while it is traced.
        const launch = launchFake(driver, pod, { args: ['wait'], through: ['prlimit', '--nofile=256'] });
        const shim = await waitForStoppedShim(driver, 'fds-collected');
        await withFault(scratch, shim, `write:error=EINVAL:when=${when}`, async () => {
          signalProcess(shim, 'SIGCONT');
          await action(launch);
        });
        return launch;
      };
      const needHierarchies = (context: Mocha.Context): void => {
        // With one of version 2 alone the process is born in it.
        if (readCgroups(pod.pid).size < 4) skip(context, 'this machine has no cgroups of version 1');
      };

      it('are joined though the kernel says EINVAL at first, as it does for a task that it still sets up', async function () {
        needHierarchies(this);
        const launch = await launchWithFault('2..4', (each) => each.waitForLine('ready'));
        const [pid] = launch.facts('pid').map((fact) => Number(fact.split(' ')[0]));
        expect(textOf(pid ?? 0)).to.equal(textOf(pod.pid));
        await end(launch);
      });

      it('are given up where the kernel goes on saying EINVAL, in one line', async function () {
        needHierarchies(this);
        const launch = await launchWithFault('2..7', (each) => each.ended);
        expect((await launch.ended).status).to.equal(125);
        expect(launch.stderr).to.match(
          /^qemu-kube: Cannot join the pod's cgroup \S+: Invalid argument; check that [^\n]+\n$/,
        );
        await expectNothingLeft(driver, pod);
      });
    }
  });
