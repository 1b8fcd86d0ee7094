import fs from 'node:fs';

import { SystemCallError } from '../../errors.ts';
import type { SystemLibrary } from './system-library.ts';

/** Who is at the other end of a Unix socket, at the time it connected. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Unix sockets: who is at their other end, and fds that go through them. */
export interface SocketCalls {
  /** SO_PEERCRED of a connected Unix socket. A `pid` of 0 means a peer in a foreign PID namespace. */
  peerCredentials(socket: number): PeerCredentials;
  /** SO_PEERPIDFD: a pidfd of the very process that connected, also if its pid was reused since. */
  peerPidfd(socket: number): number;
  /** Sends bytes in one piece with fds along. Throws `EAGAIN` when the socket's buffer is full. */
  sendWithFds(socket: number, bytes: Uint8Array, fds: readonly number[]): void;
  /** Takes one that waits to be connected, non-blocking and close-on-exec; `null` when none can be taken. */
  acceptWaiting(listener: number): number | null;
  /** A connected pair of Unix stream sockets, close-on-exec. */
  socketPair(): readonly [number, number];
  /**
   * Sends one datagram to a Unix socket. Throws `EAGAIN` when the reader's queue is full.
   *
   * @param address a path, or `@` and a name in the abstract namespace
   */
  sendDatagram(address: string, message: Uint8Array): void;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const SUN_PATH_SIZE = 108;
const CMSG_HEADER = 16; // size_t cmsg_len, int cmsg_level, int cmsg_type

export function createSocketCalls({ find, call, sendmsg }: SystemLibrary): SocketCalls {
  const getsockopt = find('int getsockopt(int, int, int, void *, void *)');
  const accept4 = find('int accept4(int, void *, void *, int)');
  const socketpair = find('int socketpair(int, int, int, void *)');
  const makeSocket = find('int socket(int, int, int)');
  const sendto = find('intptr_t sendto(int, void *, size_t, int, void *, uint)');

  function socketOption(socket: number, option: number, size: number, action: string): Buffer {
    const value = Buffer.alloc(size);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(size);
    call(action, 'getsockopt', getsockopt, socket, SOL_SOCKET, option, value, length);
    return value;
  }

  return {
    peerCredentials(socket) {
      const value = socketOption(socket, SO_PEERCRED, 12, 'read the credentials of a peer');
      return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
    },

    peerPidfd(socket) {
      return socketOption(socket, SO_PEERPIDFD, 4, 'open a pidfd of a peer').readInt32LE(0);
    },

    sendWithFds(socket, bytes, fds) {
      const control = Buffer.alloc(CMSG_HEADER + Math.ceil((4 * fds.length) / 8) * 8);
      control.writeBigUInt64LE(BigInt(CMSG_HEADER + 4 * fds.length), 0);
      control.writeInt32LE(SOL_SOCKET, 8);
      control.writeInt32LE(SCM_RIGHTS, 12);
      fds.forEach((fd, index) => control.writeInt32LE(fd, CMSG_HEADER + 4 * index));
      const message = { bytes, control: fds.length > 0 ? control : null };
      const sent = call('hand fds on', 'sendmsg', () =>
        sendmsg(socket, message, MSG_DONTWAIT | MSG_NOSIGNAL),
      );
      if (sent !== bytes.length) throw new SystemCallError('sendmsg', 'EMSGSIZE', 90, 'hand fds on');
    },

    acceptWaiting(listener) {
      const fd = accept4(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return fd < 0 ? null : fd;
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
  };
}
