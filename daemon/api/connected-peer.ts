import type net from 'node:net';

import type { PeerCredentials } from '../host/libc.ts';

/** A connection of the API, and who is behind it. */
export interface ConnectedPeer {
  readonly id: string;
  readonly peer: PeerCredentials;
  readonly socket: net.Socket;
  hasCalled: boolean;
  /** Calls that run. */
  calls: number;
}

/**
 * The connection that makes room for another one, of the user who has the most: it has made no call, the oldest first; or
 * none of its calls runs, the longest first; or it is the oldest, but only for another user.
 *
 * @param connected in the order in which they began to wait for a call
 * @returns `null` when the new one must go
 */
export function chooseToEnd(connected: readonly ConnectedPeer[], newUid: number): ConnectedPeer | null {
  const counts = new Map<number, number>();
  for (const { peer } of connected) counts.set(peer.uid, (counts.get(peer.uid) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const uid = counts.get(newUid) === most ? newUid : [...counts].find(([, count]) => count === most)?.[0];
  const own = connected.filter(({ peer }) => peer.uid === uid);
  const waiting = own.filter(({ calls }) => calls === 0);
  const silent = waiting.find(({ hasCalled }) => !hasCalled);
  return silent ?? waiting[0] ?? (uid === newUid ? null : (own[0] ?? null));
}
