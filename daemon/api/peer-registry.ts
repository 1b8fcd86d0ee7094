import type net from 'node:net';

import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

import type { PeerCredentials } from '../host/libc.ts';
import { chooseToEnd, type ConnectedPeer } from './connected-peer.ts';

/** For the first call of a connection: who connects has one to make. */
const FIRST_CALL_MS = 5_000;

/** Why a connection was not admitted; `silent`: it made no call, `gave-way`: another one needed its place. */
export type PeerRejection = 'not-identified' | 'not-allowed' | 'too-many' | 'silent' | 'gave-way';

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
  /** In the order in which they began to wait for a call. */
  readonly #peers = new Map<string, ConnectedPeer>();
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
    const connected: ConnectedPeer = { id, peer, socket, hasCalled: false, calls: 0 };
    this.#peers.set(id, connected);
    const timer = setTimeout(() => {
      if (!connected.hasCalled) this.#end(connected, 'silent');
    }, FIRST_CALL_MS).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#peers.delete(id);
    });
    Object.defineProperty(socket, 'remoteAddress', { value: id });
    return true;
  }

  /** Has the server tell which connections are in use. */
  readonly interceptor: ServerInterceptor = (_, call) => {
    const connected = this.#peers.get(call.getPeer());
    if (connected !== undefined) {
      connected.hasCalled = true;
      connected.calls += 1;
    }
    // However a call ends.
    const onCancel = (): void => {
      if (connected === undefined) return;
      connected.calls -= 1;
      // It waits anew, unless it has ended.
      if (this.#peers.delete(connected.id)) this.#peers.set(connected.id, connected);
    };
    return new ServerInterceptingCall(call, { start: (next) => next({ onCancel }) });
  };

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
    if (this.#peers.size < this.#options.maxConnections) return null;
    const other = chooseToEnd([...this.#peers.values()], peer.uid);
    if (other === null) return 'too-many';
    this.#end(other, 'gave-way');
    return null;
  }

  #end({ id, peer, socket }: ConnectedPeer, reason: PeerRejection): void {
    this.#peers.delete(id);
    socket.destroy();
    this.#options.onRejected(reason, peer);
  }
}
