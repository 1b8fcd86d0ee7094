import fs from 'node:fs';
import net from 'node:net';

import { hasCode } from '../errors.ts';

/**
 * What is at the path of a Unix socket: a process that listens (`live`), the leftover of one that ended (`stale`),
 * nothing (`absent`), something that is no socket (`foreign`), or a socket that we may not connect to (`denied`).
 */
export type SocketState = 'live' | 'stale' | 'absent' | 'foreign' | 'denied';

/** Connects once to see. Rejects with the system's error when that is none of the known answers. */
export function probeSocket(path: string): Promise<SocketState> {
  const stats = statOf(path);
  if (typeof stats === 'string') return Promise.resolve(stats);
  if (!stats.isSocket()) return Promise.resolve('foreign');
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('live');
    });
    socket.once('error', (error) => {
      const state = stateByError(error);
      if (state === undefined) reject(error);
      else resolve(state);
    });
  });
}

function statOf(path: string): fs.Stats | SocketState {
  try {
    return fs.lstatSync(path);
  } catch (error) {
    const state = stateByError(error);
    if (state === undefined) throw error;
    return state;
  }
}

function stateByError(error: unknown): SocketState | undefined {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return 'absent';
  if (hasCode(error, 'EACCES', 'EPERM')) return 'denied';
  if (hasCode(error, 'ECONNREFUSED')) return 'stale';
  // Its queue of connections is full, so somebody holds it.
  if (hasCode(error, 'EAGAIN')) return 'live';
  // A socket of another type, e.g. a datagram socket.
  if (hasCode(error, 'EPROTOTYPE')) return 'foreign';
  return undefined;
}
