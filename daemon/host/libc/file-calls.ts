import fs from 'node:fs';

import type { SystemLibrary } from './system-library.ts';

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

/** Files: those of procfs quickly, and what Node does not ask or change of others. */
export interface FileCalls {
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
  /** Locks an open file for this process alone, until it closes it or ends. Throws `EAGAIN` when another has it. */
  lock(fd: number): void;
  /** A memory file with this content that nobody can change any more, close-on-exec. */
  sealedMemory(name: string, content: Uint8Array): number;
}

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
const LOCK_EX = 2;
const LOCK_NB = 4;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const ALL_SEALS = 0x0f;

export function createFileCalls({ find, call }: SystemLibrary): FileCalls {
  const openat = find('int openat(int, str, int)');
  const close = find('int close(int)');
  const read = find('intptr_t read(int, void *, size_t)');
  const write = find('intptr_t write(int, void *, size_t)');
  const readlinkat = find('intptr_t readlinkat(int, str, void *, size_t)');
  const statx = find('int statx(int, str, int, uint, void *)');
  const futimens = find('int futimens(int, void *)');
  const flock = find('int flock(int, int)');
  const memfdCreate = find('int memfd_create(str, uint)');
  const fcntl = find('int fcntl(int, int, int)');

  // Kept: to get as much memory anew takes longer than to read a file of procfs.
  const content = Buffer.allocUnsafeSlow(READ_LIMIT);

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

    lock(fd) {
      call('lock a file', 'flock', flock, fd, LOCK_EX | LOCK_NB);
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
  };
}

/** One number for a device, as the C library makes it. */
function makeDevice(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}
