import type { LaunchMode } from '../machines/machine.ts';
import { shellQuote } from '../shell-quote.ts';
import { newFinding, type Finding } from './finding.ts';
import { octalMode } from './octal-mode.ts';
import type { StubFacts } from './read-stub-facts.ts';

/** A file in the directory of a profile that is none of the links and records there. */
export interface StubEvidence {
  readonly profile: string;
  /** As the node has it. */
  readonly path: string;
  readonly isLink: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** Of the mount that it is on. */
  readonly mountOptions: ReadonlySet<string>;
  readonly facts: StubFacts;
}

/** What holds for the stubs of this node. */
export interface StubExpectation {
  /** As of `uname -m`. */
  readonly machine: string;
  readonly version: string;
  /** Of the profile. */
  readonly mode: LaunchMode;
  readonly launchSocket: string;
  /** Group that may connect to it; null: root's alone. */
  readonly launchGid: number | null;
  /** Groups of those who may launch, as far as the node knows them: another group would keep them from the stub. */
  readonly userGids: ReadonlySet<number>;
  readonly install: string;
}

type Fault = Pick<Finding, 'status' | 'message'> & Partial<Finding>;

/** One line a stub: the worst that is wrong with it. */
export function judgeStubFile(stub: StubEvidence, expected: StubExpectation): Finding {
  const subject = stub.profile;
  const fault = judgeFile(stub) ?? judgeProgram(stub, expected) ?? judgeAccess(stub, expected);
  if (fault !== null) {
    const { status, message, ...advice } = fault;
    return newFinding(status, `${stub.path} ${message}`, { ...advice, subject });
  }
  const { facts, mode, uid, gid } = stub;
  const message = `${stub.path} is ${facts.program ?? ''} ${facts.version ?? ''}, ${octalMode(mode)} ${uid}:${gid}`;
  return newFinding('ok', message, { subject });
}

function judgeFile({ path, isLink, uid, mode, mountOptions }: StubEvidence): Fault | null {
  const name = shellQuote(path);
  const failure = (message: string, command: string): Fault => ({ status: 'failure', message, command });
  const remount = (option: string): string =>
    `mount -o remount,${option} "$(findmnt -n -o TARGET --target ${name})"`;
  if (isLink)
    return failure(
      'is a link: libvirt would take the ctime of what it leads to, and the daemon does not know it',
      `cp --remove-destination --preserve=mode,ownership "$(readlink -f ${name})" ${name}`,
    );
  if (uid !== 0 || (mode & 0o022) !== 0)
    // chown clears the setuid bit.
    return failure(
      `can be written to by others than root (${octalMode(mode)}, uid ${uid})`,
      `chown root ${name} && chmod ${(mode & 0o7755).toString(8)} ${name}`,
    );
  if ((mode & 0o111) === 0)
    return failure(
      `is not executable (${octalMode(mode)})`,
      `chmod ${(mode | ((mode & 0o444) >> 2)).toString(8)} ${name}`,
    );
  if (mountOptions.has('noexec'))
    return failure('is on a mount with noexec: libvirt can not start it', remount('exec'));
  if ((mode & 0o4000) !== 0 && mountOptions.has('nosuid'))
    return failure('is setuid on a mount with nosuid: it has no privileges', remount('suid'));
  return null;
}

function judgeProgram({ facts, mode }: StubEvidence, expected: StubExpectation): Fault | null {
  const { machine, program, version, launchSocket } = facts;
  const command = expected.install;
  if (program === null)
    return {
      status: 'failure',
      message: 'is no stub: VMs that name it as their emulator run without the driver',
      remedy: `move it away, then run: ${command}`,
    };
  if (machine !== expected.machine)
    return {
      status: 'failure',
      message: `is for ${machine ?? 'no machine'}, and this node is ${expected.machine}`,
      command,
    };
  const wanted = expected.mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube';
  if (program !== wanted)
    return {
      status: 'failure',
      message: `is ${program}, but the profile has mode = ${expected.mode}, which needs ${wanted}`,
      command,
    };
  if (program === 'qemu-kube-exec' && (mode & 0o4000) === 0)
    return {
      status: 'failure',
      message: `is not setuid (${octalMode(mode)}), and enters pods as root`,
      command,
    };
  if (launchSocket !== expected.launchSocket)
    return {
      status: 'failure',
      message: `looks for the daemon at ${launchSocket ?? ''}, which serves ${expected.launchSocket}`,
      remedy: 'correct "run-directory" in qemu-kube.conf, or build the stub with LAUNCH_SOCKET',
    };
  if (version !== expected.version)
    return {
      status: 'warning',
      message: `is version ${version ?? 'unknown'}, this is ${expected.version}`,
      command,
    };
  return null;
}

/** Whether who libvirt runs QEMU as can execute it, and reach the daemon through it; and who else can. */
function judgeAccess({ path, mode, gid }: StubEvidence, expected: StubExpectation): Fault | null {
  const name = shellQuote(path);
  const [userGid] = expected.userGids;
  const isSetuid = (mode & 0o4000) !== 0;
  const isTheirs = expected.userGids.size === 0 || expected.userGids.has(gid);
  if ((mode & 0o001) === 0 && !((mode & 0o010) !== 0 && isTheirs)) {
    const right = (mode & 0o7707) | 0o050;
    return {
      status: 'failure',
      message: `can't be executed by who libvirt runs QEMU as (${octalMode(mode)}, gid ${gid})`,
      ...(userGid === undefined
        ? { remedy: 'set "launch-users" in qemu-kube.conf' }
        : { command: `chgrp ${userGid} ${name} && chmod ${right.toString(8)} ${name}` }),
    };
  }
  if (isSetuid && (mode & 0o001) !== 0)
    return {
      status: 'warning',
      message: `is setuid root and can be executed by everybody (${octalMode(mode)})`,
      command: `chgrp ${userGid ?? 0} ${name} && chmod 4750 ${name}`,
    };
  if (!isSetuid && expected.launchGid === null)
    return {
      status: 'failure',
      message: 'is not setuid, and only root can connect to launch.sock',
      command: `chgrp ${userGid ?? 0} ${name} && chmod 4750 ${name}`,
    };
  return null;
}
