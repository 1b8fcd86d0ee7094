import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startContainedDriver } from './daemon-container.ts';
import { readEngineSeccomp } from './engine-seccomp.ts';
import type { LaunchMode } from '../../daemon/machines/machine.ts';
import { startLibvirt } from './libvirt-host.ts';
import { startDomainInPod } from './start-domain-in-pod.ts';
import { identify, isRunning, readNamespace, readStatusFields } from './processes.ts';
import { startSandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

const FENCE_MS = 5000;

/** How a daemon in a container, and the libvirt beside it, are run. */
export interface ContainedDaemonOptions {
  readonly mode: LaunchMode;
  readonly where: 'on the node' | 'in another container';
  /** See `ContainedDriverOptions`. */
  readonly asDaemonSet: boolean;
}

/** A VM is started, outlives the daemon's container, is known to the next one, and can be ended and started by that. */
export async function expectContainedDaemon(
  scratch: Scratch,
  { mode, where, asDaemonSet }: ContainedDaemonOptions,
): Promise<void> {
  const vmUuid = randomUUID();
  const vmName = 'two-containers';
  const { driver, container } = await startContainedDriver(scratch, { mode, asDaemonSet });
  const libvirt = await startLibvirt(scratch, {
    ...(where !== 'on the node' && {
      container: {
        hostPid: false,
        mounts: driver.libvirtMounts,
        capabilities: mode === 'exec' ? ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'] : [],
      },
    }),
  });
  const sandbox = await startSandbox(scratch, { vmUuid, vmName });
  const qemu = await startDomainInPod(libvirt, driver, sandbox);
  const { pid } = qemu;
  for (const name of ['net', 'ipc', 'uts', 'cgroup'] as const)
    expect(readNamespace(pid, name), name).to.equal(readNamespace(sandbox.pid, name));
  expect(readNamespace(pid, 'pid')).to.equal(readNamespace(libvirt.libvirtd.pid, 'pid'));
  expect(readNamespace(driver.process.pid, 'mnt')).to.not.equal(readNamespace(1, 'mnt'));
  if (asDaemonSet) {
    expect(readStatusFields(driver.process.pid).get('Seccomp')).to.equal(
      readEngineSeccomp() === null ? '0' : '2',
    );
  }
  expect(readNamespace(driver.process.pid, 'cgroup')).to.equal(readNamespace(1, 'cgroup'));

  const kept = [qemu];
  if (mode === 'fork') {
    const shim = identify(Number(readStatusFields(pid).get('PPid')));
    kept.push(shim);
    expect(readNamespace(shim.pid, 'mnt')).to.equal(readNamespace(1, 'mnt'));
    expect(readFileSync(`/proc/${shim.pid}/cgroup`, 'utf8')).to.not.include(scratch.id);
  }
  await container().remove();
  expect(isRunning(driver.process)).to.equal(false);
  expect(kept.map(isRunning)).to.deep.equal(kept.map(() => true));
  await driver.start();
  const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
  expect(stdout).to.include(vmUuid).and.include(`"pid":${pid},`);
  // By device and inode of its stub, which libvirt runs in another mount namespace.
  expect(stdout).to.include('"profile":"default"');

  await libvirt.virsh(['destroy', vmName]);
  expect(sandbox.processes).to.deep.equal([sandbox.pid]);
  await waitUntil(
    'nothing of the launch is left',
    () => (readdirSync(join(driver.runDirectory, 'state')).length === 0 ? true : undefined),
    FENCE_MS,
  );
  // Through the socket that the second container has made.
  await libvirt.virsh(['start', vmName]);
  expect(sandbox.processes).to.have.lengthOf(2);
}
