import type http from 'node:http';
import type net from 'node:net';

/** Of all addresses: probes and scrapes need few. */
const MAX_CONNECTIONS = 64;
/** Of one address, so that no pod can take the places of the kubelet. */
const MAX_PER_ADDRESS = 8;

interface Connection {
  readonly socket: net.Socket;
  readonly address: string;
  /** Whole requests whose answer has not left yet. */
  answering: number;
}

/**
 * Keeps the connections of a server few. A new one always gets in: where its address or the server has too many, the one
 * goes that has waited for a whole request for the longest, or else the oldest.
 */
export class HttpConnections {
  /** In the order in which they began to wait. */
  readonly #connections = new Map<net.Socket, Connection>();
  #isScheduled = false;

  constructor(server: http.Server) {
    server.on('connection', (socket) => this.#admit(socket));
    server.on('request', ({ socket }, response) => this.#noteRequest(socket, response));
  }

  #admit(socket: net.Socket): void {
    this.#connections.set(socket, { socket, address: socket.remoteAddress ?? '', answering: 0 });
    socket.once('close', () => this.#connections.delete(socket));
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // All that wait are accepted at once. What they have sent is read in the next turn of the loop: who has sent all of it
    // is answered by then, however many came behind.
    setImmediate(() => setImmediate(() => this.#makeRoom()));
  }

  #noteRequest(socket: net.Socket, response: http.ServerResponse): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.answering++;
    response.once('close', () => {
      connection.answering--;
      // It waits anew, unless it has ended.
      if (this.#connections.delete(socket)) this.#connections.set(socket, connection);
    });
  }

  #makeRoom(): void {
    this.#isScheduled = false;
    const addresses = new Set(Array.from(this.#connections.values(), ({ address }) => address));
    for (const each of addresses) this.#keep(MAX_PER_ADDRESS, ({ address }) => address === each);
    this.#keep(MAX_CONNECTIONS, () => true);
  }

  /** So many of those that are meant. */
  #keep(limit: number, isMeant: (connection: Connection) => boolean): void {
    const meant = [...this.#connections.values()].filter(isMeant);
    if (meant.length <= limit) return;
    const waitingFirst = meant.toSorted((a, b) => Number(a.answering > 0) - Number(b.answering > 0));
    for (const { socket } of waitingFirst.slice(0, meant.length - limit)) {
      this.#connections.delete(socket);
      socket.destroy();
    }
  }
}
