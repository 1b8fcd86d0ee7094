import { SystemCallError } from '../../errors.ts';
import type { SystemLibrary } from './system-library.ts';

/** Whom a process belongs to. */
export interface ProcessOwner {
  readonly realUid: number;
  /** Number of its cgroup of version 2: the inode of its directory. */
  readonly cgroup: bigint;
}

/** Other processes by pidfd, and what this one gives up. */
export interface ProcessCalls {
  /** A pidfd of the process that has this pid now. */
  pidfdOpen(pid: number): number;
  /** False once the process has ended, a zombie included only after it was reaped. */
  isAlive(pidfd: number): boolean;
  /** Sends a signal through a pidfd: never to another process than the one it was opened for. */
  signal(pidfd: number, signal: number): void;
  /** PIDFD_GET_INFO, of Linux 6.13; `null` where the kernel has no answer, also since the process has ended. */
  ownerOf(pidfd: number): ProcessOwner | null;
  /** No core file is written of this process, and nobody of its user may trace it or read its memory. */
  forbidDumps(): void;
  /**
   * Gives up every capability that is not in the set, for good, and for what this process starts. It holds for the
   * calling thread and those that it starts later.
   *
   * @param kept a bit for each capability
   */
  keepCapabilities(kept: bigint): void;
}

/** `struct pidfd_info` as it was at first, and its ioctl. */
const PIDFD_INFO_SIZE = 64;
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_CREDENTIALS = 2n;
const PIDFD_INFO_CGROUP = 4n;
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const RLIMIT_CORE = 4;
const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITIES = 64;
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

export function createProcessCalls({ find, call }: SystemLibrary): ProcessCalls {
  const prctl = find('int prctl(int, ulong, ulong, ulong, ulong)');
  const getrlimit = find('int getrlimit(int, void *)');
  const setrlimit = find('int setrlimit(int, void *)');
  const capget = find('int capget(void *, void *)');
  const capset = find('int capset(void *, void *)');
  const ioctl = find('int ioctl(int, ulong, void *)');
  const syscall = find('long syscall(long, long, long, void *, long)');

  function sendSignal(pidfd: number, signal: number): void {
    const action = `send signal ${signal}`;
    call(action, 'pidfd_send_signal', syscall, SYS_pidfd_send_signal, pidfd, signal, null, 0);
  }

  return {
    pidfdOpen(pid) {
      return call(`open a pidfd of process ${pid}`, 'pidfd_open', syscall, SYS_pidfd_open, pid, 0, null, 0);
    },

    isAlive(pidfd) {
      try {
        sendSignal(pidfd, 0);
        return true;
      } catch (error) {
        // EPERM: it is there, and not ours to signal.
        return error instanceof SystemCallError && error.code === 'EPERM';
      }
    },

    signal: sendSignal,

    ownerOf(pidfd) {
      const info = Buffer.alloc(PIDFD_INFO_SIZE);
      const wanted = PIDFD_INFO_CREDENTIALS | PIDFD_INFO_CGROUP;
      info.writeBigUInt64LE(wanted, 0);
      // An old kernel says so each time: an error with its stack trace would take longer than the call.
      if (ioctl(pidfd, PIDFD_GET_INFO, info) < 0) return null;
      if ((info.readBigUInt64LE(0) & wanted) !== wanted) return null;
      return { cgroup: info.readBigUInt64LE(8), realUid: info.readUInt32LE(28) };
    },

    forbidDumps() {
      const action = 'forbid dumps of this process';
      call(action, 'prctl', prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
      const limit = Buffer.alloc(16);
      call(action, 'getrlimit', getrlimit, RLIMIT_CORE, limit);
      // Not the hard limit: what this process starts may be told to have a higher one.
      limit.writeBigUInt64LE(0n, 0);
      call(action, 'setrlimit', setrlimit, RLIMIT_CORE, limit);
    },

    keepCapabilities(kept) {
      const action = 'give up capabilities';
      for (let bit = 0; bit < CAPABILITIES; bit++) {
        if ((kept >> BigInt(bit)) & 1n) continue;
        // Fails for a number that this kernel does not know.
        if (prctl(PR_CAPBSET_READ, bit, 0, 0, 0) !== 1) continue;
        call(action, 'prctl', prctl, PR_CAPBSET_DROP, bit, 0, 0, 0);
      }
      const header = Buffer.alloc(8);
      header.writeUInt32LE(CAPABILITY_VERSION_3);
      // Effective, permitted and inheritable: the lower halves first, then the upper ones.
      const sets = Buffer.alloc(24);
      call(action, 'capget', capget, header, sets);
      for (let at = 0; at < sets.length; at += 4) {
        const half = Number((at < 12 ? kept : kept >> 32n) & 0xffff_ffffn);
        sets.writeUInt32LE((sets.readUInt32LE(at) & half) >>> 0, at);
      }
      call(action, 'capset', capset, header, sets);
    },
  };
}
