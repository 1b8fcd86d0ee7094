import type { Server, Socket } from 'node:net';

/**
 * The descriptor of a socket that is open. It stays the socket's: not to be closed. Node has no public way to it;
 * `_handle.fd` has been there since its first versions, and whoever needs it comes here.
 *
 * @throws Error when the socket is closed, or Node's insides have changed
 */
export function fdOf(socket: Socket | Server): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null && 'fd' in handle) {
    const { fd } = handle;
    if (typeof fd === 'number' && Number.isInteger(fd) && fd >= 0) return fd;
  }
  throw new Error('Cannot find the file descriptor of a socket: it is closed, or this Node hides it');
}
