import type net from 'node:net';

import type { PeerCredentials } from '../host/libc.ts';

/** Why a connection was not admitted. */
export type PeerRejection = 'not-identified' | 'not-allowed' | 'too-many';

export interface PeerRegistryOptions {
  readonly peerCredentials: (socket: net.Socket) => PeerCredentials;
  readonly allowedUids: ReadonlySet<number>;
  readonly maxConnections: number;
  /** `peer` is `undefined` when the kernel could not tell. */
  readonly onRejected: (rejection: PeerRejection, peer: PeerCredentials | undefined) => void;
}

/**
 * Knows who is behind each connection of the API. gRPC shows a handler no more of a connection than its
 * `remoteAddress`, which a Unix socket has none of: so each gets an id there, and its credentials are kept under it.
 */
export class PeerRegistry {
  readonly #options: PeerRegistryOptions;
  readonly #peers = new Map<string, { readonly peer: PeerCredentials; readonly socket: net.Socket }>();
  #sequence = 0;

  constructor(options: PeerRegistryOptions) {
    this.#options = options;
  }

  /** Destroys the socket of a peer that is not allowed: no byte of it has been read then. */
  admit(socket: net.Socket): boolean {
    // A peer may reset the connection at any time; HTTP/2 brings its own listener later.
    socket.on('error', () => socket.destroy());
    const peer = this.#identify(socket);
    const rejection = this.#rejectionOf(peer);
    if (peer === undefined || rejection !== null) {
      socket.destroy();
      this.#options.onRejected(rejection ?? 'not-identified', peer);
      return false;
    }
    this.#sequence += 1;
    const id = `unix:peer-${this.#sequence}`;
    this.#peers.set(id, { peer, socket });
    socket.once('close', () => this.#peers.delete(id));
    Object.defineProperty(socket, 'remoteAddress', { value: id });
    return true;
  }

  peerOf(call: { getPeer(): string }): PeerCredentials | undefined {
    return this.#peers.get(call.getPeer())?.peer;
  }

  /** Cuts every connection, whatever runs on it. */
  disconnectAll(): void {
    for (const { socket } of this.#peers.values()) socket.destroy();
  }

  #identify(socket: net.Socket): PeerCredentials | undefined {
    try {
      return this.#options.peerCredentials(socket);
    } catch {
      // It is gone already.
      return undefined;
    }
  }

  #rejectionOf(peer: PeerCredentials | undefined): PeerRejection | null {
    if (peer === undefined) return 'not-identified';
    if (!this.#options.allowedUids.has(peer.uid)) return 'not-allowed';
    return this.#peers.size >= this.#options.maxConnections ? 'too-many' : null;
  }
}
