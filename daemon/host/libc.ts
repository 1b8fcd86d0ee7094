import fs from 'node:fs';

import koffi from 'koffi';

import { SystemCallError, hasCode } from '../errors.ts';

/** Who is at the other end of a Unix socket, at the time it connected. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Which file it is, of all that this node has: as `stat(2)` numbers it. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

export interface FileStatus extends FileIdentity {
  /** Its names; none when it was removed, or replaced. */
  readonly links: number;
  readonly isSetuid: boolean;
}

/**
 * The system calls that Node has no word for. All are quick and none touches per-thread state (namespaces,
 * credentials): such things belong into the broker and the shim.
 *
 * Every function throws {@link SystemCallError} when the kernel says no.
 */
export interface Libc {
  /** SO_PEERCRED of a connected Unix socket. A `pid` of 0 means a peer in a foreign PID namespace. */
  peerCredentials(socket: number): PeerCredentials;
  /** SO_PEERPIDFD: a pidfd of the very process that connected, also if its pid was reused since. */
  peerPidfd(socket: number): number;
  /** A pidfd of the process that has this pid now. */
  pidfdOpen(pid: number): number;
  /** False once the process has ended, a zombie included only after it was reaped. */
  isAlive(pidfd: number): boolean;
  /** Sends a signal through a pidfd: never to another process than the one it was opened for. */
  signal(pidfd: number, signal: number): void;
  /** Sends bytes in one piece with fds along. Throws `EAGAIN` when the socket's buffer is full. */
  sendWithFds(socket: number, bytes: Uint8Array, fds: readonly number[]): void;
  /** A connected pair of Unix stream sockets, close-on-exec. */
  socketPair(): readonly [number, number];
  /**
   * Sends one datagram to a Unix socket. Throws `EAGAIN` when the reader's queue is full.
   *
   * @param address a path, or `@` and a name in the abstract namespace
   */
  sendDatagram(address: string, message: Uint8Array): void;
  /** A memory file with this content that nobody can change any more, close-on-exec. */
  sealedMemory(name: string, content: Uint8Array): number;
  /**
   * A file of a directory, whole, at most 64 KiB of it: two to three times as quick as Node's own way there, which counts
   * where a launch reads a hundred of them.
   *
   * @param directory fd of a directory in procfs: nothing else is sure to answer at once
   */
  readAt(directory: number, name: string): Buffer;
  /** Like {@link readAt}, by an absolute path. */
  readProc(path: string): Buffer;
  /** The beginning of such a file of such a directory, as much as there is room for; -1 where it can't be read. */
  readStart(directory: number, name: string, into: Buffer): number;
  /** Where a symbolic link of such a directory leads; at most 4095 bytes of it. */
  readLinkAt(directory: number, name: string): string;
  /** What is known of a file without asking its file system, which may be a process that does not answer (FUSE). */
  statCached(path: string): FileStatus;
  /** Sets the time of the last change of an open file's attributes to now, and leaves its content's time and its mode. */
  bumpChangeTime(fd: number): void;
  /** Whether the kernel knows a system call, which is called in a way that comes to nothing; `denied`: a filter says no. */
  callSupport(number: number): 'present' | 'absent' | 'denied';
  /** What the kernel says of its clock. Throws `EPERM` or `ENOSYS` where it may not be asked. */
  clockState(): { readonly isSynchronised: boolean; readonly maxErrorUs: number };
  /** Locks an open file for this process alone, until it closes it or ends. Throws `EAGAIN` when another has it. */
  lock(fd: number): void;
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

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const LOCK_EX = 2;
const LOCK_NB = 4;
const ALL_SEALS = 0x0f;
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const RLIMIT_CORE = 4;
const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITIES = 64;
const STA_UNSYNC = 0x40;
const AT_FDCWD = -100;
const O_RDONLY_CLOEXEC = 0o2000000;
const READ_LIMIT = 65536;
const LINK_LIMIT = 4095;
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_MODE_NLINK_INO = 0x106;
const S_ISUID = 0o4000;
const STATX_SIZE = 256;
const UTIME_NOW = 0x3fffffffn;
const UTIME_OMIT = 0x3ffffffen;

const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

const SUN_PATH_SIZE = 108;
const CMSG_HEADER = 16; // size_t cmsg_len, int cmsg_level, int cmsg_type

type Call = (...args: readonly unknown[]) => number;

/** Loads the C library of the running process. Nothing is called before that. */
export function createLibc(): Libc {
  const library = koffi.load(null);
  const errnoNames = new Map<number, string>();
  // Of two names for one number the first: EAGAIN, not EWOULDBLOCK, as Node has it.
  for (const [name, value] of Object.entries(koffi.os.errno).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (!errnoNames.has(value)) errnoNames.set(value, name);

  const iovec = koffi.struct({ base: 'void *', length: 'size_t' });
  const msghdr = koffi.struct({
    name: 'void *',
    nameLength: 'uint32_t',
    vector: koffi.pointer(iovec),
    vectorLength: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const getsockopt: Call = library.func('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']);
  const sendmsg: Call = library.func('sendmsg', 'intptr_t', ['int', koffi.pointer(msghdr), 'int']);
  const socketpair: Call = library.func('socketpair', 'int', ['int', 'int', 'int', 'void *']);
  const makeSocket: Call = library.func('socket', 'int', ['int', 'int', 'int']);
  const sendto: Call = library.func('sendto', 'intptr_t', [
    'int',
    'void *',
    'size_t',
    'int',
    'void *',
    'uint',
  ]);
  const memfdCreate: Call = library.func('memfd_create', 'int', ['str', 'uint']);
  const fcntl: Call = library.func('int fcntl(int, int, int)');
  const flock: Call = library.func('int flock(int, int)');
  const prctl: Call = library.func('int prctl(int, ulong, ulong, ulong, ulong)');
  const getrlimit: Call = library.func('int getrlimit(int, void *)');
  const setrlimit: Call = library.func('int setrlimit(int, void *)');
  const capget: Call = library.func('int capget(void *, void *)');
  const capset: Call = library.func('int capset(void *, void *)');
  const adjtimex: Call = library.func('int adjtimex(void *)');
  const write: Call = library.func('write', 'intptr_t', ['int', 'void *', 'size_t']);
  const openat: Call = library.func('int openat(int, str, int)');
  const close: Call = library.func('int close(int)');
  const read: Call = library.func('read', 'intptr_t', ['int', 'void *', 'size_t']);
  const readlinkat: Call = library.func('readlinkat', 'intptr_t', ['int', 'str', 'void *', 'size_t']);
  const statx: Call = library.func('statx', 'int', ['int', 'str', 'int', 'uint', 'void *']);
  const futimens: Call = library.func('futimens', 'int', ['int', 'void *']);
  const syscall: Call = library.func('long syscall(long, long, long, void *, long)');

  // Kept: to get as much memory anew takes longer than to read a file of procfs.
  const content = Buffer.allocUnsafeSlow(READ_LIMIT);

  /** errno is the thread's and live: it is read in the expression right after the call. */
  function call(action: string, name: string, func: Call, ...args: readonly unknown[]): number {
    const result = func(...args);
    const errno = result < 0 ? koffi.errno() : 0;
    if (errno !== 0)
      throw new SystemCallError(name, errnoNames.get(errno) ?? `errno ${errno}`, errno, action);
    return result;
  }

  function socketOption(socket: number, option: number, size: number, action: string): Buffer {
    const value = Buffer.alloc(size);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(size);
    call(action, 'getsockopt', getsockopt, socket, SOL_SOCKET, option, value, length);
    return value;
  }

  function sendSignal(pidfd: number, signal: number): void {
    const action = `send signal ${signal}`;
    call(action, 'pidfd_send_signal', syscall, SYS_pidfd_send_signal, pidfd, signal, null, 0);
  }

  function readWhole(directory: number, name: string): Buffer {
    const fd = call(`open "${name}"`, 'openat', openat, directory, name, O_RDONLY_CLOEXEC);
    try {
      for (let length = 0; ;) {
        const rest = length === 0 ? content : content.subarray(length);
        const got = rest.length === 0 ? 0 : call(`read "${name}"`, 'read', read, fd, rest, rest.length);
        if (got === 0) return Buffer.from(content.subarray(0, length));
        length += got;
      }
    } finally {
      close(fd);
    }
  }

  return {
    peerCredentials(socket) {
      const value = socketOption(socket, SO_PEERCRED, 12, 'read the credentials of a peer');
      return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
    },

    peerPidfd(socket) {
      return socketOption(socket, SO_PEERPIDFD, 4, 'open a pidfd of a peer').readInt32LE(0);
    },

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

    sendWithFds(socket, bytes, fds) {
      const control = Buffer.alloc(CMSG_HEADER + Math.ceil((4 * fds.length) / 8) * 8);
      control.writeBigUInt64LE(BigInt(CMSG_HEADER + 4 * fds.length), 0);
      control.writeInt32LE(SOL_SOCKET, 8);
      control.writeInt32LE(SCM_RIGHTS, 12);
      fds.forEach((fd, index) => control.writeInt32LE(fd, CMSG_HEADER + 4 * index));
      const message = {
        name: null,
        nameLength: 0,
        vector: { base: bytes, length: bytes.length },
        vectorLength: 1,
        control: fds.length > 0 ? control : null,
        controlLength: fds.length > 0 ? control.length : 0,
        flags: 0,
      };
      const sent = call('hand fds on', 'sendmsg', sendmsg, socket, message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent !== bytes.length) throw new SystemCallError('sendmsg', 'EMSGSIZE', 90, 'hand fds on');
    },

    socketPair() {
      const pair = Buffer.alloc(8);
      call('make a socket pair', 'socketpair', socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
      return [pair.readInt32LE(0), pair.readInt32LE(4)];
    },

    sendDatagram(address, message) {
      const action = 'send a datagram';
      const name = Buffer.from(address.replace(/^@/u, '\0'));
      // Room for the zero behind a path.
      if (!/^[/@]/u.test(address) || name.length >= SUN_PATH_SIZE)
        throw new SystemCallError('sendto', 'EINVAL', 22, action);
      const peer = Buffer.concat([new Uint8Array(2), name, new Uint8Array(address.startsWith('/') ? 1 : 0)]);
      peer.writeUInt16LE(AF_UNIX);
      const fd = call(action, 'socket', makeSocket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      try {
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        call(action, 'sendto', sendto, fd, message, message.length, flags, peer, peer.length);
      } finally {
        fs.closeSync(fd);
      }
    },

    sealedMemory(name, content) {
      const action = 'write a memory file';
      const fd = call(action, 'memfd_create', memfdCreate, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
      try {
        for (let at = 0; at < content.length;)
          at += call(action, 'write', write, fd, content.subarray(at), content.length - at);
        call(action, 'fcntl', fcntl, fd, F_ADD_SEALS, ALL_SEALS);
        return fd;
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
    },

    readAt: readWhole,

    readProc(path) {
      return readWhole(AT_FDCWD, path);
    },

    readStart(directory, name, into) {
      const fd = openat(directory, name, O_RDONLY_CLOEXEC);
      if (fd < 0) return -1;
      const got = read(fd, into, into.length);
      close(fd);
      return got;
    },

    readLinkAt(directory, name) {
      const action = `read the link "${name}"`;
      const length = call(action, 'readlinkat', readlinkat, directory, name, content, LINK_LIMIT);
      return content.toString('utf8', 0, length);
    },

    statCached(path) {
      const status = Buffer.alloc(STATX_SIZE);
      const action = `look at ${path}`;
      call(action, 'statx', statx, AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_MODE_NLINK_INO, status);
      const [major, minor] = [BigInt(status.readUInt32LE(136)), BigInt(status.readUInt32LE(140))];
      return {
        device: makeDevice(major, minor),
        inode: status.readBigUInt64LE(32),
        links: status.readUInt32LE(16),
        isSetuid: (status.readUInt16LE(28) & S_ISUID) !== 0,
      };
    },

    bumpChangeTime(fd) {
      // Of the times of access and of change of content: two struct timespec.
      const times = Buffer.alloc(32);
      times.writeBigInt64LE(UTIME_NOW, 8);
      times.writeBigInt64LE(UTIME_OMIT, 24);
      call('change the times of a file', 'futimens', futimens, fd, times);
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

    callSupport(number) {
      try {
        // No fd, no memory, no size: all that are asked for take this for an error of ours.
        call('try a system call', 'syscall', syscall, number, -1, 0, null, 0);
      } catch (error) {
        if (hasCode(error, 'ENOSYS', 'EPERM')) return error.code === 'EPERM' ? 'denied' : 'absent';
      }
      return 'present';
    },

    clockState() {
      // A struct timex, all zero: only to read.
      const state = Buffer.alloc(208);
      call('ask for the state of the clock', 'adjtimex', adjtimex, state);
      return {
        isSynchronised: (state.readInt32LE(40) & STA_UNSYNC) === 0,
        maxErrorUs: Number(state.readBigInt64LE(24)),
      };
    },

    lock(fd) {
      call('lock a file', 'flock', flock, fd, LOCK_EX | LOCK_NB);
    },
  };
}

/** One number for a device, as the C library makes it. */
function makeDevice(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}
