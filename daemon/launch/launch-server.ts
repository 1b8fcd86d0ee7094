import type net from 'node:net';

import { Refusal } from '../errors.ts';
import type { Libc } from '../host/libc.ts';
import { fdOf } from '../host/socket-fd.ts';
import { identifyCaller, type Caller } from './caller.ts';
import { LaunchConnection } from './launch-connection.ts';
import type { LaunchResult } from './launch-controller.ts';
import type { LaunchObserver } from './launch-observer.ts';
import type { LaunchRequest } from './launch-request.ts';
import { ProtocolError } from './protocol-error.ts';
import { RequestReader } from './request-reader.ts';

const MAX_CONNECTIONS = 256;

export interface LaunchServerOptions {
  readonly libc: Libc;
  readonly proc: string;
  /** Real uids that may ask for a launch. */
  readonly allowedUids: ReadonlySet<number>;
  readonly requestDeadlineMs: number;
  /** Decides on a request and starts the machine, or throws. Takes over neither connection nor caller. */
  readonly launch: (
    request: LaunchRequest,
    caller: Caller,
    connection: LaunchConnection,
  ) => Promise<LaunchResult>;
  readonly observer: LaunchObserver;
}

/** The daemon's side of `launch.sock`: reads one request a connection, and answers it. */
export class LaunchServer {
  readonly #options: LaunchServerOptions;
  readonly #connections = new Set<net.Socket>();

  constructor(options: LaunchServerOptions) {
    this.#options = options;
  }

  /** Serves one accepted connection. Never throws. */
  accept(socket: net.Socket): void {
    const connection = new LaunchConnection(socket, performance.now());
    if (this.#connections.size >= MAX_CONNECTIONS) {
      this.#refuse(connection, null, new Refusal('busy', 'Cannot take another request now', 'try again'));
      return;
    }
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    let caller: Caller;
    try {
      caller = this.#identify(socket);
    } catch (error) {
      this.#refuse(connection, null, error);
      return;
    }
    this.#read(socket, connection, caller);
  }

  /** Ends what is still being read or decided. */
  close(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  #identify(socket: net.Socket): Caller {
    const caller = identifyCaller(this.#options.libc, this.#options.proc, fdOf(socket));
    const { uid } = caller.credentials;
    if (this.#options.allowedUids.has(uid)) return caller;
    caller.process[Symbol.dispose]();
    throw new Refusal(
      'caller-not-allowed',
      `Cannot start a VM for uid ${uid}: it is not allowed to`,
      'add the user that libvirt runs QEMU as to "launch-users" in qemu-kube.conf',
    );
  }

  #read(socket: net.Socket, connection: LaunchConnection, caller: Caller): void {
    const reader = new RequestReader();
    let answered = false;
    let handling: Promise<void> = Promise.resolve();
    const refuse = (error: unknown): void => {
      if (answered) return;
      answered = true;
      clearTimeout(timer);
      this.#refuse(connection, caller, error);
    };
    const timer = setTimeout(
      () =>
        refuse(new Refusal('protocol', 'Cannot read the request: it did not arrive in time', 'try again')),
      this.#options.requestDeadlineMs,
    );
    socket.on('data', (chunk) => {
      try {
        const request = reader.push(chunk);
        if (request === null) return;
        clearTimeout(timer);
        handling = this.#handle(request, connection, caller, refuse);
      } catch (error) {
        refuse(error);
      }
    });
    socket.once('end', () =>
      refuse(new Refusal('caller-gone', 'Cannot answer: the caller has closed the connection', 'call again')),
    );
    socket.once('close', () => {
      clearTimeout(timer);
      // Not before: while a request is being handled, the caller's fds are in use.
      void handling.finally(() => caller.process[Symbol.dispose]());
    });
  }

  async #handle(
    request: LaunchRequest,
    connection: LaunchConnection,
    caller: Caller,
    refuse: (error: unknown) => void,
  ): Promise<void> {
    try {
      const result = await this.#options.launch(request, caller, connection);
      connection.close();
      this.#options.observer.finished(result, connection.seconds(performance.now()));
    } catch (error) {
      refuse(error);
    }
  }

  #refuse(connection: LaunchConnection, caller: Caller | null, error: unknown): void {
    this.#options.observer.refused(error, caller, connection.seconds(performance.now()));
    connection.refuse(lineOf(error));
  }
}

function lineOf(error: unknown): string {
  if (error instanceof Refusal) return error.line;
  if (error instanceof ProtocolError) return error.toRefusal().line;
  return 'Cannot start the VM: the node driver failed; read its log';
}
