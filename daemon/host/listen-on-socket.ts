import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import type { Libc } from './libc.ts';
import { probeSocket } from './probe-socket.ts';
import { fdOf } from './socket-fd.ts';

/** `sun_path` holds 108 bytes, the final NUL included. */
const LONGEST_PATH = 107;
/** In one turn of the event loop: as many as the kernel keeps waiting for Node, as far as there is time. */
const BURST = 511;
const BURST_MS = 1;

export interface ListenOptions {
  /** Permission bits of the socket, e.g. `0o660`; connecting needs `w`. */
  readonly mode: number;
  /** Owner; the daemon's own when absent. */
  readonly uid?: number;
  readonly gid?: number;
  readonly connectionListener: (socket: net.Socket) => void;
  /** Told about errors of `accept()`, e.g. EMFILE; the socket keeps listening. */
  readonly onError?: (error: Error) => void;
  /** How accepted sockets start, e.g. `{ pauseOnConnect: true, allowHalfOpen: true }`. */
  readonly server?: net.ServerOpts;
  /**
   * Given what waits beside a connection, as descriptors that are its own to close. Node takes one connection in a turn of
   * its event loop, so that whoever comes behind a crowd waits until each of it was served.
   */
  readonly burst?: {
    readonly libc: Pick<Libc, 'acceptWaiting'>;
    readonly listener: (fd: number) => void;
  };
}

export interface ListeningSocket {
  readonly path: string;
  readonly server: net.Server;
  /** Stops accepting and removes the name at once, unless another instance has taken it over. */
  close(): void;
}

/**
 * Listens on a Unix socket that never has wider permissions than asked for: it is bound to a name of its own with
 * mode 0600, gets its owner and mode, and then replaces what a dead instance left at `socketPath`.
 *
 * @throws Error when another instance listens there, or when something else occupies the name
 */
export async function listenOnSocket(socketPath: string, options: ListenOptions): Promise<ListeningSocket> {
  const temporary = path.join(path.dirname(socketPath), `.${path.basename(socketPath)}.${process.pid}`);
  if (Buffer.byteLength(temporary) > LONGEST_PATH)
    throw new Error(
      `Cannot listen on "${socketPath}": the path is longer than the ${LONGEST_PATH - 8} bytes that a Unix socket may have; choose a shorter run directory`,
    );
  await refuseOccupied(socketPath);

  fs.rmSync(temporary, { force: true });
  const { burst } = options;
  const server = net.createServer(options.server ?? {}, (socket) => {
    options.connectionListener(socket);
    if (burst !== undefined) for (const fd of takeWaiting(burst.libc, server)) burst.listener(fd);
  });
  try {
    await bindPrivately(server, temporary);
    if (options.uid !== undefined || options.gid !== undefined)
      fs.chownSync(
        temporary,
        options.uid ?? process.geteuid?.() ?? 0,
        options.gid ?? process.getegid?.() ?? 0,
      );
    fs.chmodSync(temporary, options.mode);
    fs.renameSync(temporary, socketPath);
  } catch (error) {
    server.close();
    fs.rmSync(temporary, { force: true });
    throw new Error(
      `Cannot listen on "${socketPath}": ${error instanceof Error ? error.message : String(error)}; check that its directory exists and that this user may write there`,
      { cause: error },
    );
  }
  server.on('error', (error) => options.onError?.(error));

  const inode = fs.lstatSync(socketPath).ino;
  return {
    path: socketPath,
    server,
    close(): void {
      if (server.listening) server.close();
      removeOwn(socketPath, inode);
    },
  };
}

function* takeWaiting(libc: Pick<Libc, 'acceptWaiting'>, server: net.Server): Generator<number> {
  const end = performance.now() + BURST_MS;
  for (let count = 0; count < BURST && server.listening && performance.now() < end; count++) {
    const fd = libc.acceptWaiting(fdOf(server));
    if (fd === null) return;
    yield fd;
  }
}

async function refuseOccupied(socketPath: string): Promise<void> {
  const state = await probeSocket(socketPath);
  if (state === 'live')
    throw new Error(
      `Cannot listen on "${socketPath}": another node-driver already does; stop it first, or set another run directory`,
    );
  if (state === 'foreign')
    throw new Error(`Cannot listen on "${socketPath}": it exists and is no socket of ours; remove it first`);
}

/** `listen()` binds before it returns, so the umask is changed for no other file. */
function bindPrivately(server: net.Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      resolve();
    });
    const umask = process.umask(0o177);
    try {
      server.listen(name);
    } finally {
      process.umask(umask);
    }
  });
}

function removeOwn(socketPath: string, inode: number): void {
  try {
    if (fs.lstatSync(socketPath).ino === inode) fs.unlinkSync(socketPath);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
