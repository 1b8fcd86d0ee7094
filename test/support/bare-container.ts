import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup, listCgroupParents } from './cgroups.ts';
import { startContainerd } from './containerd.ts';
import { fakeEmulator } from './fake-launch.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';

const fixtures = join(import.meta.dirname, '../fixtures/build');

/** A launcher in a container of another runtime than the sandboxes'. */
export interface BareContainer {
  readonly vmUuid: string;
  readonly vmName: string;
  readonly secret: string;
  readonly containerId: string;
  /** The launcher's pid on the host. */
  readonly pid: number;
}

/** Where such a container goes, and what it is called. */
export interface BareContainerOptions {
  readonly name: string;
  /** The pod's cgroup; absent: where the runtime puts it. */
  readonly podCgroup?: string;
  readonly containerId?: string;
}

/** A root directory with nothing in it but a launcher, a secret and stand-ins for QEMU. */
function makeRoot(scratch: Scratch, name: string): string {
  const root = join(scratch.directory, `root-${name}`);
  for (const directory of ['etc/kubevirt/node-driver', 'proc', 'sys', 'dev', 'tmp', 'run', 'opt'])
    mkdirSync(join(root, directory), { recursive: true });
  copyFileSync(join(fixtures, 'virt-launcher'), join(root, 'virt-launcher'));
  copyFileSync(join(fixtures, 'fake-emulator'), join(root, fakeEmulator));
  copyFileSync(join(fixtures, 'say-time'), join(root, 'say-time'));
  writeFileSync(join(root, 'etc/kubevirt/node-driver/secret'), `secret of ${name}\n`);
  return root;
}

/** Removed with the scratch, and with the parents that nobody else uses. */
function claimCgroup(scratch: Scratch, path: string): void {
  for (const parent of listCgroupParents(path)) scratch.claimDirectory(parent);
  scratch.record({ kind: 'cgroup', path });
}

function launcherArguments(name: string): readonly string[] {
  return ['/virt-launcher', '-kubevirt.vm.uuid', name, '-kubevirt.vm.name', name];
}

/** What every call of podman begins with, so that its containers are the scratch's and run on runc. */
export function podmanArguments(scratch: Scratch): readonly string[] {
  const store = join(scratch.directory, 'podman');
  const places = ['--root', `${store}/root`, '--runroot', `${store}/run`, '--tmpdir', `${store}/tmp`];
  return ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', ...places];
}

/** Runs a launcher with podman, on runc. */
export async function startPodmanContainer(
  scratch: Scratch,
  { name, podCgroup }: BareContainerOptions,
): Promise<BareContainer> {
  const podman = podmanArguments(scratch);
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  const parent = podCgroup === undefined ? [] : ['--cgroup-parent', podCgroup];
  const root = makeRoot(scratch, name);
  // podman leaves the parent of its containers' cgroups behind.
  const parents = [podCgroup ?? '/libpod_parent'].filter((path) => findCgroup(path).length === 0);
  for (const path of parents) claimCgroup(scratch, path);
  scratch.defer('remove the podman container', async () => {
    await runCommand('podman', [...podman, 'rm', '--all', '--force', '--time', '0'], { allowFailure: true });
  });
  const run = ['run', '--detach', '--network', 'none', ...limits, ...parent, '--rootfs', root];
  const { stdout } = await runCommand('podman', [...podman, ...run, ...launcherArguments(name)]);
  const containerId = stdout.trim();
  const inspected = await runCommand('podman', [
    ...podman,
    'inspect',
    '--format',
    '{{.State.Pid}}',
    containerId,
  ]);
  return {
    vmUuid: name,
    vmName: name,
    secret: `secret of ${name}`,
    containerId,
    pid: Number(inspected.stdout),
  };
}

/** Runs a launcher with a containerd of our own. */
export async function startContainerdContainer(
  scratch: Scratch,
  { name, podCgroup, containerId = '' }: BareContainerOptions,
): Promise<BareContainer> {
  const containerd = await startContainerd(scratch);
  const ctr = async (...args: readonly string[]): Promise<string> =>
    (await containerd.ctr(args, { allowFailure: true })).stdout;
  scratch.defer('remove the containerd container', async () => {
    await ctr('task', 'kill', '--signal', 'KILL', name);
    await ctr('task', 'rm', '--force', name);
    await ctr('container', 'rm', name);
  });
  const root = makeRoot(scratch, name);
  if (podCgroup !== undefined) claimCgroup(scratch, podCgroup);
  const cgroup = podCgroup === undefined ? [] : ['--cgroup', `${podCgroup}/${containerId}`];
  await ctr('run', '--detach', '--rootfs', ...cgroup, root, name, ...launcherArguments(name));
  const task = (await ctr('task', 'ls')).split('\n').find((line) => line.startsWith(name));
  if (task === undefined) throw new Error('containerd did not start the container');
  const pid = Number(task.split(/\s+/)[1]);
  return { vmUuid: name, vmName: name, secret: `secret of ${name}`, containerId, pid };
}
