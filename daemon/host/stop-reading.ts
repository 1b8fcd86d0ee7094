import type net from 'node:net';

/**
 * Stops reading from a socket at once: `pause()` alone would still take what arrives, up to its buffer's size, and
 * what is taken here is lost to whoever gets the descriptor.
 *
 * @throws Error when the socket is closed, or Node's insides have changed
 */
export function stopReading(socket: net.Socket): void {
  socket.pause();
  const handle: unknown = '_handle' in socket ? socket._handle : undefined;
  if (!isReadingHandle(handle)) throw new Error('Cannot stop reading from a socket: the socket is closed');
  handle.readStop();
}

function isReadingHandle(value: unknown): value is { readonly readStop: () => number } {
  return (
    typeof value === 'object' && value !== null && 'readStop' in value && typeof value.readStop === 'function'
  );
}
