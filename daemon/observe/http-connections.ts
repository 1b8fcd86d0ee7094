import type http from 'node:http';
import type net from 'node:net';

/** Of all addresses: probes and scrapes need few. */
const MAX_CONNECTIONS = 64;
/** Of one address, so that no pod can take the places of the kubelet. */
const MAX_PER_ADDRESS = 8;
/** Who asks sends all of it at once: whoever waits for longer has nothing to ask. */
const NEW_MS = 100;

interface Connection {
  readonly socket: net.Socket;
  readonly address: string;
  /** Whole requests whose answer has not left yet. */
  answering: number;
  /** When it began to wait for a request, or to be answered. Milliseconds of the monotonic clock. */
  since: number;
}

/**
 * Keeps the connections of a server few. A new one always gets in: where its address or the server has too many, the one
 * goes that has waited for a whole request for the longest. Where all that wait are new, they and those that are answered
 * keep half of the places from each other: who takes no answers does not keep out who is about to ask, and who asks
 * nothing ends no answer.
 */
export class HttpConnections {
  /** In the order in which they began to wait, or to be answered. */
  readonly #connections = new Map<net.Socket, Connection>();
  #isScheduled = false;

  constructor(server: http.Server) {
    server.on('connection', (socket) => this.#admit(socket));
    server.on('request', ({ socket }, response) => this.#noteRequest(socket, response));
  }

  #admit(socket: net.Socket): void {
    const address = socket.remoteAddress ?? '';
    this.#connections.set(socket, { socket, address, answering: 0, since: performance.now() });
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
    // More requests may come before the first is answered: it is answered from then on.
    if (connection.answering === 1) this.#beginAnew(connection);
    response.once('close', () => {
      connection.answering--;
      if (connection.answering === 0) this.#beginAnew(connection);
    });
  }

  /** Unless it has ended. */
  #beginAnew(connection: Connection): void {
    if (!this.#connections.delete(connection.socket)) return;
    connection.since = performance.now();
    this.#connections.set(connection.socket, connection);
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
    for (const { socket } of chooseToEnd(meant, meant.length - limit)) {
      this.#connections.delete(socket);
      socket.destroy();
    }
  }
}

/** So many of them, each kind by its age. */
function chooseToEnd(connections: readonly Connection[], count: number): readonly Connection[] {
  const now = performance.now();
  const waiting = connections.filter(({ answering }) => answering === 0);
  const answered = connections.filter(({ answering }) => answering > 0);
  return Array.from({ length: count }, () => {
    const [first] = waiting;
    const isIdle = first !== undefined && now - first.since > NEW_MS;
    return (isIdle || waiting.length > answered.length ? waiting : answered).shift();
  }).filter((each) => each !== undefined);
}
