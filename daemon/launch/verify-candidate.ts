import { hasCode } from '../errors.ts';
import { belongToRoot } from '../host/belong-to-root.ts';
import type { ContainerInits, PinnedInit } from '../host/container-inits.ts';
import { cgroupDirectory, type CgroupHierarchy } from '../host/host-cgroups.ts';
import type { Libc } from '../host/libc.ts';
import { PinnedProcess } from '../host/pinned-process.ts';
import { readPodUsers } from '../host/read-pod-users.ts';
import type { Slices } from '../host/turns.ts';
import { membershipsIdentity, type CgroupIdentity } from '../target/cgroup-identity.ts';
import { canTrace } from '../target/can-trace.ts';
import { containerCgroupPath } from '../target/container-cgroup-path.ts';
import { differingNamespaces } from '../target/differing-namespaces.ts';
import { parseLauncherCommandLine } from '../target/launcher-command-line.ts';
import { matchesVm } from '../target/matches-vm.ts';
import { parseCgroup } from '../target/parse-cgroup.ts';
import { hasEnded, parseStat } from '../target/parse-stat.ts';
import { parseStatus } from '../target/parse-status.ts';
import { podCgroups } from '../target/pod-cgroups.ts';
import type { PodUsers } from '../target/pod-users.ts';
import type { CgroupMembership, Namespaces, Target, VmIdentity } from '../target/target.ts';
import { PinnedTarget } from './pinned-target.ts';

/** What {@link verifyCandidate} needs to know of the node. */
export interface VerificationContext {
  readonly libc: Libc;
  readonly proc: string;
  readonly hostRoot: string;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** Inode of the node's user namespace; `null`: the kernel has none. */
  readonly hostUserNamespace: number | null;
  /** See `cgroupIdentity`. */
  readonly kubepodsBase: string | null;
  readonly requirePod: boolean;
  readonly inits: ContainerInits;
}

/** Why a process is no target: one clause that follows "process N ". */
export class TurnedDown extends Error {}

/** Asked anew each time: what a glance has found may be long ago. */
function isOfRoot(
  { hostRoot, hierarchies, kubepodsBase }: VerificationContext,
  memberships: readonly CgroupMembership[],
): boolean {
  return belongToRoot({ root: hostRoot, hierarchies }, podCgroups(memberships, kubepodsBase));
}

function checkIdentity(
  context: VerificationContext,
  memberships: readonly CgroupMembership[] | null,
): CgroupIdentity {
  if (memberships === null) throw new TurnedDown('has a cgroup file that makes no sense');
  if (memberships.every(({ path }) => path === '/'))
    throw new TurnedDown('is in the root cgroup, so in no pod');
  const identity = membershipsIdentity(memberships, context.kubepodsBase);
  if ('reject' in identity) {
    if (identity.reject === 'deleted')
      throw new TurnedDown('is in a cgroup that was deleted: its pod is ending');
    throw new TurnedDown('is in the cgroups of different pods at once');
  }
  if (identity.podUid !== null && !isOfRoot(context, memberships))
    throw new TurnedDown(
      "is in a cgroup that is only named like a pod's: it is not root's (if pods are there, set kubepods-base)",
    );
  if (context.requirePod && identity.podUid === null) throw new TurnedDown('is in the cgroup of no pod');
  if (context.requirePod && identity.containerId === null)
    throw new TurnedDown('is in a pod, but its container has a form that is not known');
  return identity;
}

/** The container's cgroup in a hierarchy that shows it; without Kubernetes, the process's own. */
function containerDirectory(
  context: VerificationContext,
  memberships: readonly CgroupMembership[],
): string | null {
  for (const { hierarchy, path } of memberships) {
    const own = context.requirePod ? containerCgroupPath(path, context.kubepodsBase) : path;
    if (own === null || own === '/') continue;
    const directory = cgroupDirectory(context.hierarchies, { hierarchy, path: own });
    if (directory !== null) return context.hostRoot + directory;
  }
  return null;
}

async function pinInit(
  context: VerificationContext,
  memberships: readonly CgroupMembership[],
  slices: Slices,
): Promise<PinnedInit> {
  const directory = containerDirectory(context, memberships);
  if (directory === null) throw new TurnedDown('is in a cgroup hierarchy that is not mounted on this node');
  const init = await context.inits.pin(directory, slices);
  if (init === null) throw new TurnedDown('is in a container without an init');
  if (init === 'too-large')
    throw new TurnedDown('is in a container with too many processes or cgroups to tell its init');
  if (init === 'ended') throw new TurnedDown('is in a container whose init has ended');
  return init;
}

/** Of the user namespace that the launcher shares with its container's first process. */
function podUsers(
  { hostUserNamespace }: VerificationContext,
  { user }: Namespaces,
  init: PinnedProcess,
): PodUsers | null {
  if (user === undefined || hostUserNamespace === null || user === hostUserNamespace) return null;
  const users = readPodUsers(init);
  if (users === null) throw new TurnedDown('is in a user namespace whose ids make no sense');
  return users;
}

async function verifyPinned(
  context: VerificationContext,
  vm: VmIdentity,
  launcher: PinnedProcess,
  slices: Slices,
): Promise<PinnedTarget> {
  const commandLine = parseLauncherCommandLine(launcher.read('cmdline'));
  if (commandLine === null || !matchesVm(commandLine, vm))
    throw new TurnedDown('is no launcher of this VM any more');
  const stat = parseStat(launcher.readText('stat'));
  const status = parseStatus(launcher.readText('status'));
  if (stat === null || status === null || hasEnded(stat)) throw new TurnedDown('is a zombie');

  const cgroupText = launcher.read('cgroup');
  const memberships = parseCgroup(cgroupText.toString('latin1'));
  const identity = checkIdentity(context, memberships);
  const cgroups = memberships ?? [];
  const { process: init, identity: initIdentity } = await pinInit(context, cgroups, slices);
  try {
    const namespaces = launcher.namespaces();
    const differing = differingNamespaces(namespaces, init.namespaces());
    if (differing.length > 0)
      throw new TurnedDown(`made namespaces of its own (${differing.join(', ')}) inside its container`);
    const target: Target = {
      pid: launcher.pid,
      startTime: stat.startTime,
      podUid: identity.podUid,
      containerId: identity.containerId,
      vm: {
        ...(commandLine.uuid === undefined ? {} : { uuid: commandLine.uuid }),
        ...(commandLine.name === undefined ? {} : { name: commandLine.name }),
      },
      init: initIdentity,
      namespaces,
      cgroups,
      credentials: { uid: status.uid.fs, gid: status.gid.fs, groups: status.groups },
    };
    const oomScoreAdj = Number(launcher.readText('oom_score_adj'));
    const users = podUsers(context, namespaces, init);
    const initStatus = parseStatus(init.readText('status'));
    init.assertAlive();
    launcher.assertAlive();
    const { program, noFork } = commandLine;
    return new PinnedTarget({
      target,
      launcher,
      init,
      program,
      noFork,
      cgroupText,
      oomScoreAdj,
      canTrace: canTrace(status) || initStatus === null || canTrace(initStatus),
      users,
    });
  } catch (error) {
    init[Symbol.dispose]();
    throw error;
  }
}

/**
 * Looks closely at one process that claims to be a launcher of the VM: pinned first, then read.
 *
 * @throws TurnedDown with the reason why it is no target
 */
export async function verifyCandidate(
  context: VerificationContext,
  vm: VmIdentity,
  pid: number,
  slices: Slices,
): Promise<PinnedTarget> {
  let launcher: PinnedProcess | undefined;
  try {
    launcher = PinnedProcess.open(context.libc, context.proc, pid);
    return await verifyPinned(context, vm, launcher, slices);
  } catch (error) {
    launcher?.[Symbol.dispose]();
    if (error instanceof TurnedDown) throw error;
    if (hasCode(error, 'ESRCH', 'ENOENT')) throw new TurnedDown('has ended', { cause: error });
    // What a pod does to its own processes and cgroups must not keep another pod from being looked at.
    if (error instanceof Error && 'code' in error && !hasCode(error, 'EMFILE', 'ENFILE', 'ENOMEM'))
      throw new TurnedDown(`cannot be looked at (${String(error.code)})`, { cause: error });
    throw error;
  }
}
