import { readFileSync, readdirSync } from 'node:fs';
import { findCgroup } from './cgroups.ts';
import { fakeEmulatorMount, launchFake, type FakeLaunch, type FakeLaunchOptions } from './fake-launch.ts';
import type { NodeDriver } from './node-driver.ts';
import { identify, readStatusFields, type ProcessIdentity } from './processes.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

let count = 0;

/** Starts a pod whose launcher's VM has a name that no other test has. */
export async function startFakePod(scratch: Scratch): Promise<Sandbox> {
  const vmUuid = `${scratch.id}-${++count}`;
  return startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount] });
}

/** What the daemon has logged about the VM of a pod. */
export function logLinesOf(driver: NodeDriver, pod: Sandbox, message: string): readonly string[] {
  return driver.log.split('\n').filter((line) => line.includes(message) && line.includes(pod.vmUuid));
}

/** A VM of fork mode that runs, with the stand-in as its QEMU. */
export interface SupervisedVm {
  readonly launch: FakeLaunch;
  readonly emulator: ProcessIdentity;
  readonly shim: ProcessIdentity;
}

/** Comes back when the emulator runs and the stub has become its proxy. */
export async function startSupervisedVm(
  driver: NodeDriver,
  pod: Sandbox,
  options: FakeLaunchOptions = { args: ['wait'] },
): Promise<SupervisedVm> {
  const launch = launchFake(driver, pod, options);
  await launch.waitForLine('ready').catch((error: unknown) => {
    throw new Error(`The VM does not start: ${launch.stderr}`, { cause: error });
  });
  await waitUntil(
    'the stub is a proxy',
    () => (/^0+$/.test(readStatusFields(launch.pid).get('SigBlk') ?? '') ? undefined : true),
    5000,
  );
  const [pid] = pod.processes.filter((each) => each !== pod.pid);
  if (pid === undefined) throw new Error('There is no emulator in the pod');
  return {
    launch,
    emulator: identify(pid),
    shim: identify(Number(readStatusFields(pid).get('PPid'))),
  };
}

/** The cgroup that a shim has of its own, as a path in every hierarchy. */
export function readShimCgroup(shim: ProcessIdentity): string {
  const text = readFileSync(`/proc/${shim.pid}/cgroup`, 'utf8');
  const path = /:(\/kubevirt-node-driver\/.+)$/m.exec(text)?.[1];
  if (path === undefined) throw new Error(`The shim is in no cgroup of its own: ${text}`);
  return path;
}

/** Waits until the daemon's records, the shims' cgroups and the pod hold nothing of any launch. */
export async function expectNothingLeft(driver: NodeDriver, pod?: Sandbox, timeout = 5000): Promise<void> {
  const left = (): readonly string[] => [
    ...readdirSync(`${driver.runDirectory}/state`),
    ...(pod?.processes.filter((pid) => pid !== pod.pid).map((pid) => `process ${pid}`) ?? []),
  ];
  await waitUntil(
    'nothing is left of the launch',
    () => (left().length === 0 ? true : undefined),
    timeout,
  ).catch((error: unknown) => {
    throw new Error(`Something is left: ${left().join(', ')}`, { cause: error });
  });
}

/** The file of a cgroup in whatever hierarchy has it; undefined where none has. */
export function findCgroupFile(cgroup: string, name: string): string | undefined {
  return findCgroup(cgroup)
    .filter((directory) => readdirSync(directory).includes(name))
    .map((directory) => `${directory}/${name}`)[0];
}
