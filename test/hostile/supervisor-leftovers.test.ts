import { expect } from 'chai';
import { rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiClient } from '../../daemon/api/api-client.ts';
import { findCgroup } from '../support/cgroups.ts';
import { launchFake, type FakeLaunch, type FakeLaunchOptions } from '../support/fake-launch.ts';
import { withFault } from '../support/fault-injection.ts';
import { fixturesMount } from '../support/hostile-fixtures.ts';
import { inLibvirtPidNamespace } from '../support/libvirt-pid-namespace.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import {
  isRunning,
  listProcesses,
  readArguments,
  readProcess,
  readStatusFields,
  type ProcessIdentity,
} from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import { expectNothingLeft, findCgroupFile, logLinesOf } from '../support/supervised-vm.ts';
import { makeCgroup } from '../support/test-cgroup.ts';
import { waitUntil } from '../support/wait-until.ts';

/** So many can't be reaped one after the other in the time that the news of the end waits for them. */
const CHAIN = 600;
const SLOWLY = 'wait4:delay_enter=2ms';
/** A new process takes a busy machine some milliseconds. */
const START_MS = 20_000;
/** From the end of the stub: QEMU's grace, what is granted to its leftovers, and as much again for a slow machine. */
const END_MS = 2 * (500 + 2000);

function isChildOf(parents: readonly number[], pid: number): boolean {
  return parents.includes(readProcess(pid)?.parent ?? 0);
}

function findShim(pod: Sandbox): ProcessIdentity {
  const parents = pod.processes.map((pid) => readProcess(pid)?.parent ?? 0);
  const shim = listProcesses().find(
    ({ pid }) => parents.includes(pid) && readStatusFields(pid).get('Name') === 'qemu-kube-shim',
  );
  if (shim === undefined) throw new Error('There is no shim');
  return shim;
}

describe('an emulator that leaves many processes', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let count = 0;
  const launches: FakeLaunch[] = [];

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, {
      settings: {
        emulator: '/opt/fixtures/offspring',
        'stub-gone-grace': '500ms',
        'pod-gone-grace': '500ms',
      },
    });
  });
  after(() => scratch.close());
  beforeEach(async () => {
    const vmUuid = `offspring-${++count}`;
    pod = await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fixturesMount] });
  });
  afterEach(async () => {
    // With it ends the PID namespace that it may be in.
    for (const { stub } of launches.splice(0)) stub.kill('SIGKILL');
    await pod.remove();
  });

  const start = async (args: readonly string[], options: FakeLaunchOptions = {}): Promise<FakeLaunch> => {
    const launch = launchFake(driver, pod, { args, ...options });
    launches.push(launch);
    await waitUntil(
      'all of them are there',
      () => (launch.report.includes('ready') ? true : undefined),
      START_MS,
    ).catch((error: unknown) => {
      throw new Error(launch.stderr, { cause: error });
    });
    return launch;
  };
  const killStub = (): void => {
    const stub = listProcesses().find(
      ({ pid }) =>
        readArguments(pid)[0] === driver.emulator && readArguments(pid)[2] === `guest=${pod.vmName}`,
    );
    if (stub === undefined) throw new Error('There is no stub');
    process.kill(stub.pid, 'SIGKILL');
  };
  const waitForNews = (): Promise<true> =>
    waitUntil(
      'the daemon knows the end',
      () => (logLinesOf(driver, pod, 'A VM ended').length > 0 ? true : undefined),
      END_MS,
    );
  const waitForProcesses = (): Promise<true> =>
    waitUntil(
      'none of them runs',
      () =>
        pod.processes.every(
          (pid) => pid === pod.pid || ['Z', 'X'].includes(readProcess(pid)?.state ?? 'X'),
        ) || undefined,
      2 * END_MS,
    );
  const states = async (): Promise<readonly string[]> => {
    const client = createApiClient({ socketPath: driver.apiSocket, deadlineMs: 2000 });
    try {
      const machines = await client.listMachines();
      return machines.filter(({ vm }) => vm?.uuid === pod.vmUuid).map(({ state }) => state);
    } finally {
      client.close();
    }
  };

  for (const [where, options] of [
    ["the node's PID namespace", {}],
    ['a PID namespace of libvirt', inLibvirtPidNamespace()],
  ] as const) {
    it(`each the child of the one before, in ${where}: all end with the stub`, async () => {
      await start([`chain=${CHAIN}`], options);
      expect(pod.processes.length).to.be.at.least(CHAIN);
      await withFault(scratch, findShim(pod), SLOWLY, async () => {
        killStub();
        await waitForProcesses();
      });
      await expectNothingLeft(driver, pod, 2 * END_MS);
      expect(logLinesOf(driver, pod, 'A VM ended')).to.have.lengthOf(1);
    });

    it(`that fork and exit without a pause, in ${where}: all end with the stub`, async () => {
      await start(['forkers=4'], options);
      killStub();
      await expectNothingLeft(driver, pod, 2 * END_MS);
    });

    it(`of a thread of its child, in ${where}: they end with the stub`, async () => {
      await start(['thread'], options);
      killStub();
      await expectNothingLeft(driver, pod, END_MS);
    });
  }

  it('each the child of the one before: all end with the pod', async () => {
    await start([`chain=${CHAIN}`]);
    await withFault(scratch, findShim(pod), SLOWLY, async () => {
      await pod.kill('SIGKILL');
      await waitForProcesses();
    });
    await expectNothingLeft(driver, pod, 2 * END_MS);
  });

  it('beside itself, which end without a pause: the end of the stub is seen in time, and so is that of QEMU', async () => {
    await start(['siblings=100', 'endings=2']);
    // As with thousands of siblings: there is another one to reap before the last one has been.
    await withFault(scratch, findShim(pod), SLOWLY, async () => {
      killStub();
      await waitForNews();
    });
    await expectNothingLeft(driver, pod, 2 * END_MS);
  });

  it('in a cgroup below its own, in a PID namespace of libvirt: they end with the stub', async () => {
    await start(['chain=3'], inLibvirtPidNamespace());
    const own = findCgroup(pod.cgroup);
    const pids = pod.processes.filter((pid) => pid !== pod.pid);
    for (const directory of own) {
      makeCgroup(`${directory}/below`);
      makeCgroup(`${directory}/below/deeper`);
      for (const pid of pids) writeFileSync(`${directory}/below/deeper/cgroup.procs`, String(pid));
    }
    killStub();
    await expectNothingLeft(driver, pod, END_MS);
  });

  it('deeper below its own cgroup than anybody looks: their VM ends, and the shim stays until all can be seen', async () => {
    await start(['chain=3'], inLibvirtPidNamespace());
    const shim = findShim(pod);
    const pids = pod.processes.filter((pid) => pid !== pod.pid);
    const qemu = pids.find((pid) => readProcess(pid)?.parent === shim.pid);
    const offspring = pids.filter((pid) => pid !== qemu);
    expect(offspring).to.have.lengthOf(3);
    const levels = Array.from({ length: 70 }, (_, level) => '/deeper'.repeat(level + 1));
    const own = findCgroup(pod.cgroup);
    for (const directory of own) {
      for (const level of levels) makeCgroup(directory + level);
      for (const pid of offspring) writeFileSync(`${directory}${levels.at(-1)}/cgroup.procs`, String(pid));
    }
    try {
      killStub();
      await waitForNews();
      expect(await states()).to.deep.equal(['MACHINE_STATE_EXITED']);
      // Longer than it would stay if it took what it has seen for all that there is.
      await delay(2 * END_MS);
      expect(isRunning(shim)).to.equal(true);
    } finally {
      for (const pid of offspring) process.kill(pid, 'SIGKILL');
    }
    await waitForProcesses();
    for (const directory of own) for (const level of [...levels].reverse()) rmdirSync(directory + level);
    await expectNothingLeft(driver, pod, END_MS);
  });

  it('that cannot be killed yet: the VM has ended all the same, and they end once they can', async function () {
    const freezer = findCgroupFile(pod.cgroup, 'freezer.state')?.replace(/[^/]*$/, 'below');
    if (freezer === undefined) skip(this, 'a frozen process can only be kept from its end by cgroup v1');
    // More of them than are killed at once, so that the last ones are only met later.
    const first = await start(['chain=200']);
    makeCgroup(freezer);
    const pods = pod.processes;
    const offspring = pods.filter((pid) => isChildOf(pods, pid) && pid !== pod.pid);
    expect(offspring).to.have.lengthOf(200);
    for (const pid of offspring) writeFileSync(`${freezer}/cgroup.procs`, String(pid));
    writeFileSync(`${freezer}/freezer.state`, 'FROZEN');
    try {
      killStub();
      await first.ended;
      await waitForNews();
      expect(await states()).to.deep.equal(['MACHINE_STATE_EXITED']);
      expect(pod.processes).to.include.members(offspring);

      // Neither this daemon nor the next one takes what stays for a VM.
      const second = await start([]);
      expect(await states()).to.have.members(['MACHINE_STATE_EXITED', 'MACHINE_STATE_RUNNING']);
      await driver.end();
      await driver.start();
      expect(await states()).to.deep.equal(['MACHINE_STATE_RUNNING']);
      expect(driver.log).not.to.include('is left alone');
      killStub();
      await second.ended;
      await waitUntil(
        'the second has ended',
        () => (logLinesOf(driver, pod, 'A VM ended').length === 2 ? true : undefined),
        END_MS,
      );
    } finally {
      writeFileSync(`${freezer}/freezer.state`, 'THAWED');
    }
    await expectNothingLeft(driver, pod, 2 * END_MS);
    expect(logLinesOf(driver, pod, 'A VM ended')).to.have.lengthOf(2);
  });
});
