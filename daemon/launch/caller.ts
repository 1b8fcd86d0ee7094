import fs from 'node:fs';

import { hasCode, Refusal, SystemCallError } from '../errors.ts';
import type { Libc, PeerCredentials } from '../host/libc.ts';
import { PinnedProcess } from '../host/pinned-process.ts';
import { hasEnded, parseStat, type ProcessStat } from '../target/parse-stat.ts';
import { parseStatus } from '../target/parse-status.ts';
import type { Credentials, ProcessIdentity } from '../target/target.ts';
import type { ResourceLimit } from './launch-plan.ts';
import { parseLimits } from './parse-limits.ts';
import type { LineKey } from './round-robin.ts';

/** Who is at the other end of a connection: as much as it takes to tell whether there is time for them. */
export interface PinnedCaller {
  readonly process: PinnedProcess;
  /** The real ids: a setuid stub connects as root, and that says nothing about who ran it. */
  readonly credentials: Credentials;
  /** Its effective uid when it connected. */
  readonly connectedAs: number;
  readonly umask: number;
  /** CPU list such as `0-3`. */
  readonly cpus: string;
}

/** The stub at the other end, with what QEMU will take over from it. */
export interface Caller extends PinnedCaller {
  readonly identity: ProcessIdentity;
  /** What it executes; `null` where that can't be seen. */
  readonly executable: { readonly device: bigint; readonly inode: bigint } | null;
  readonly limits: readonly ResourceLimit[];
}

function gone(cause?: unknown): Refusal {
  return new Refusal('caller-gone', 'Cannot tell who calls: the caller has ended', 'call again', { cause });
}

function pin(libc: Libc, proc: string, socket: number, pid: number): PinnedProcess {
  if (pid <= 0)
    throw new Refusal(
      'caller-gone',
      'Cannot tell who calls: its process is not visible from the node',
      'run the node driver with hostPID: true',
    );
  try {
    return PinnedProcess.adopt(libc, proc, pid, libc.peerPidfd(socket));
  } catch (error) {
    // Before Linux 6.5: the pid may have been reused between connect and now; the request itself proves nothing
    // more than the uid that is read below, so that is all that is granted on it.
    if (!hasCode(error, 'ENOPROTOOPT')) throw error;
    return PinnedProcess.open(libc, proc, pid);
  }
}

/** Its ids would be others here, and root there is not root here. */
function checkUserNamespace(process: PinnedProcess): void {
  let namespace: string;
  try {
    namespace = process.readLink('ns/user');
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || !process.isAlive()) throw error;
    return; // a kernel without user namespaces
  }
  if (namespace === fs.readlinkSync('/proc/self/ns/user')) return;
  throw new Refusal(
    'caller-not-allowed',
    "Cannot start a VM for a caller in another user namespace than the node driver's",
    "run libvirt's container without a user namespace of its own",
  );
}

function executableOf(process: PinnedProcess): Caller['executable'] {
  try {
    const { device, inode } = process.statLink('exe');
    return { device, inode };
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'ENOENT')) return null;
    throw error;
  }
}

/**
 * A connection can be inherited: what comes on it counts only while the very process that connected runs.
 *
 * @throws Refusal `caller-gone`
 */
export function assertCalling({ process }: Caller): void {
  let stat: ProcessStat | null = null;
  try {
    stat = parseStat(process.readText('stat'));
  } catch (error) {
    if (!hasCode(error, 'ESRCH', 'ENOENT')) throw error;
  }
  if (stat === null || hasEnded(stat)) throw gone();
}

/**
 * Whose turn it is to be looked at, before that is done: its real user and its cgroup, where the kernel tells them in one
 * call, or else its group, which a setuid stub has from whoever called it. Nothing else may depend on it.
 */
export function presumedCaller(libc: Libc, socket: number, { gid }: PeerCredentials): LineKey {
  const unknown: LineKey = { owner: `gid ${gid}`, line: '' };
  let pidfd: number;
  try {
    pidfd = libc.peerPidfd(socket);
  } catch (error) {
    if (error instanceof SystemCallError) return unknown;
    throw error;
  }
  try {
    const owner = libc.ownerOf(pidfd);
    return owner === null ? unknown : { owner: `uid ${owner.realUid}`, line: String(owner.cgroup) };
  } finally {
    fs.closeSync(pidfd);
  }
}

/**
 * Finds out who is at the other end of a connection to `launch.sock`. Dispose `process`.
 *
 * @throws Refusal `caller-gone` when that can't be told any more, `caller-not-allowed` when its ids mean nothing here
 */
export function pinCaller(libc: Libc, proc: string, socket: number): PinnedCaller {
  return whileThere(() => {
    const { pid, uid: connectedAs } = libc.peerCredentials(socket);
    const process = pin(libc, proc, socket, pid);
    try {
      const status = parseStatus(process.readText('status'));
      checkUserNamespace(process);
      process.assertAlive();
      if (status === null) throw gone();
      return {
        process,
        credentials: { uid: status.uid.real, gid: status.gid.real, groups: status.groups },
        connectedAs,
        umask: status.umask ?? 0o022,
        cpus: status.cpusAllowed ?? '',
      };
    } catch (error) {
      process[Symbol.dispose]();
      throw error;
    }
  });
}

/**
 * Finds out the rest, of the very same process, which stays with who called.
 *
 * @throws Refusal `caller-gone`
 */
export function describeCaller(pinned: PinnedCaller): Caller {
  const { process } = pinned;
  return whileThere(() => {
    const stat = parseStat(process.readText('stat'));
    const limits = parseLimits(process.readText('limits'));
    process.assertAlive();
    if (stat === null) throw gone();
    return {
      ...pinned,
      identity: process.identify(stat.startTime),
      executable: executableOf(process),
      limits,
    };
  });
}

function whileThere<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    // SO_PEERPIDFD of a process that was reaped: EINVAL or ESRCH, as the kernel's version has it.
    if (hasCode(error, 'ESRCH', 'ENOENT', 'EINVAL', 'ENODATA')) throw gone(error);
    throw error;
  }
}
