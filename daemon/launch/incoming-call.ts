import fs from 'node:fs';
import net from 'node:net';

import { fdOf } from '../host/socket-fd.ts';

/** A connection to `launch.sock` of which nothing is known yet, and of which Node may not know either. */
export interface IncomingCall {
  readonly descriptor: number;
  /** Milliseconds of a monotonic clock. */
  readonly acceptedAt: number;
  /** Makes a socket of Node's of it, if it is none yet; that takes longer than to turn a caller away. */
  open(): net.Socket;
  /** In place of `open`, where nothing is to be said. */
  close(): void;
}

/** One that Node has accepted, of which it must not read before it is opened (`pauseOnConnect`). */
export function callOnSocket(socket: net.Socket): IncomingCall {
  socket.on('error', () => undefined); // 'close' follows
  return {
    get descriptor(): number {
      return fdOf(socket);
    },
    acceptedAt: performance.now(),
    open: () => socket,
    close: () => void socket.destroy(),
  };
}

/** One that was taken beside it: the descriptor is the call's own. */
export function callOnDescriptor(fd: number): IncomingCall {
  return {
    descriptor: fd,
    acceptedAt: performance.now(),
    open: () => {
      try {
        return new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
    },
    close: () => fs.closeSync(fd),
  };
}
