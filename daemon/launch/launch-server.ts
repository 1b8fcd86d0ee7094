import type net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { Refusal } from '../errors.ts';
import type { Libc } from '../host/libc.ts';
import { fdOf } from '../host/socket-fd.ts';
import { auditTextOrNull } from '../observe/audit-record.ts';
import {
  assertCalling,
  describeCaller,
  pinCaller,
  presumedCaller,
  type Caller,
  type PinnedCaller,
} from './caller.ts';
import { CallerQueue } from './caller-queue.ts';
import { domainName } from './domain-name.ts';
import type { IncomingCall } from './incoming-call.ts';
import { LaunchConnection } from './launch-connection.ts';
import type { LaunchResult } from './launch-controller.ts';
import { launchOrigin } from './launch-origin.ts';
import { Limited, type Admission, type LaunchLimits } from './launch-limits.ts';
import type { LaunchObserver } from './launch-observer.ts';
import type { LaunchRequest } from './launch-request.ts';
import { ProtocolError } from './protocol-error.ts';
import { RequestReader } from './request-reader.ts';
import type { LineKey } from './round-robin.ts';

export interface LaunchServerOptions {
  readonly libc: Libc;
  readonly proc: string;
  /** Real uids that may ask for a launch. */
  readonly allowedUids: ReadonlySet<number>;
  readonly limits: LaunchLimits;
  /** See `cgroupIdentity`. */
  readonly kubepodsBase: string | null;
  readonly requestDeadlineMs: number;
  /** Told of each caller that may ask, before its request is there: what takes long can begin. */
  readonly onCaller: () => void;
  /** Decides on a request and starts the machine, or throws. Takes over neither connection nor caller. */
  readonly launch: (
    request: LaunchRequest,
    caller: Caller,
    connection: LaunchConnection,
  ) => Promise<LaunchResult>;
  readonly observer: LaunchObserver;
}

/** One connection, from the moment that its request is awaited. */
interface Conversation {
  readonly connection: LaunchConnection;
  readonly refuse: (error: unknown) => void;
  /** Settled when nothing is being done for it. */
  handling: Promise<void>;
}

/** Calls of which nothing is known yet: one fd each. More than the kernel keeps waiting, so that a burst has room. */
const WAITING = 1024;

/** The daemon's side of `launch.sock`: reads one request a connection, and answers it. */
export class LaunchServer {
  readonly #options: LaunchServerOptions;
  readonly #callers: CallerQueue<IncomingCall>;
  readonly #conversations = new Set<Conversation>();
  #isClosing = false;

  constructor(options: LaunchServerOptions) {
    this.#options = options;
    this.#callers = new CallerQueue({
      room: WAITING,
      serve: (call) => this.#serve(call),
      sendAway: (call) => this.#sendAway(call, this.#isClosing ? stopping() : noRoom()),
    });
  }

  /** Takes one accepted connection, to serve it when its turn comes. Never throws. */
  accept(call: IncomingCall): void {
    const { libc, limits, observer } = this.#options;
    if (this.#isClosing || limits.isFull) {
      this.#sendAway(call, this.#isClosing ? stopping() : noRoom());
      return;
    }
    let key: LineKey;
    try {
      const { descriptor } = call;
      const peer = libc.peerCredentials(descriptor);
      if (limits.isRepeating(peer.pid)) {
        observer.repeated();
        call.close();
        return;
      }
      key = presumedCaller(libc, descriptor, peer);
    } catch (error) {
      this.#sendAway(call, error);
      return;
    }
    this.#callers.push(key, call);
  }

  /** Refuses what is still being read or decided. Launches that have got further may end, for at most `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    this.#callers.clear();
    const conversations = [...this.#conversations];
    for (const { connection, refuse } of conversations) if (!connection.isReleased) refuse(stopping());
    const underWay = conversations.flatMap(({ connection, handling }) =>
      connection.isReleased ? [handling] : [],
    );
    if (underWay.length > 0)
      await Promise.race([Promise.all(underWay), delay(graceMs, undefined, { ref: false })]);
  }

  #sendAway(call: IncomingCall, error: unknown): void {
    const opened = this.#open(call);
    if (opened !== null) this.#refuse(opened.connection, null, error);
  }

  /** `null` where Node can't make a socket of it: it is closed then. */
  #open(call: IncomingCall): { readonly socket: net.Socket; readonly connection: LaunchConnection } | null {
    try {
      const socket = call.open();
      return { socket, connection: new LaunchConnection(socket, call.acceptedAt) };
    } catch (error) {
      this.#options.observer.lost(error);
      return null;
    }
  }

  #serve(call: IncomingCall): void {
    const opened = this.#open(call);
    if (opened === null) return;
    const { socket, connection } = opened;
    const { libc, proc } = this.#options;
    let caller: PinnedCaller;
    try {
      if (socket.destroyed) throw goneMeanwhile();
      caller = pinCaller(libc, proc, fdOf(socket));
    } catch (error) {
      this.#refuse(connection, null, error);
      return;
    }
    try {
      if (!this.#options.allowedUids.has(caller.credentials.uid)) {
        // For the audit log.
        caller = describeCaller(caller);
        throw userNotAllowed(caller);
      }
      connection.trail.enter('limits');
      this.#read(socket, connection, caller);
    } catch (error) {
      this.#refuse(connection, caller, error);
      caller.process[Symbol.dispose]();
    }
  }

  #read(socket: net.Socket, connection: LaunchConnection, pinned: PinnedCaller): void {
    const reader = new RequestReader();
    let answered = false;
    let who: PinnedCaller = pinned;
    const refuse = (error: unknown): void => {
      if (answered) return;
      answered = true;
      clearTimeout(timer);
      this.#refuse(connection, who, error);
    };
    const { limits, kubepodsBase, requestDeadlineMs } = this.#options;
    connection.origin = launchOrigin(pinned, kubepodsBase);
    const admission = limits.admit(connection.origin, refuse);
    const caller = this.#describe(pinned, admission);
    who = caller;
    connection.trail.enter('request');
    this.#options.onCaller();
    const timer = setTimeout(() => refuse(tooSlow()), requestDeadlineMs);
    const conversation: Conversation = { connection, refuse, handling: Promise.resolve() };
    this.#conversations.add(conversation);
    socket.on('data', (chunk) => {
      // Once refused, nothing that still arrives can become a launch; a stub that enters its pod tells what came of it.
      if (answered || connection.isReleased) return;
      try {
        admission.received(chunk.length);
        const request = reader.push(chunk);
        if (request === null) return;
        clearTimeout(timer);
        admission.completed();
        connection.domain = auditTextOrNull(domainName(request.argv));
        conversation.handling = this.#handle(request, connection, caller, refuse);
      } catch (error) {
        refuse(error);
      }
    });
    // Nothing was read of it before there was somebody to take it.
    socket.resume();
    socket.once('end', () => {
      if (!connection.isReleased) refuse(goneMeanwhile());
    });
    socket.once('close', () => {
      clearTimeout(timer);
      // Not before: while a request is being handled, the caller's fds are in use.
      void conversation.handling.finally(() => {
        this.#conversations.delete(conversation);
        admission.left();
        caller.process[Symbol.dispose]();
      });
    });
  }

  /** Only now: what is asked of those who are too many must not cost what it takes to start a VM. */
  #describe(pinned: PinnedCaller, admission: Admission): Caller {
    try {
      return describeCaller(pinned);
    } catch (error) {
      admission.left();
      throw error;
    }
  }

  async #handle(
    request: LaunchRequest,
    connection: LaunchConnection,
    caller: Caller,
    refuse: (error: unknown) => void,
  ): Promise<void> {
    try {
      assertCalling(caller);
      const result = await this.#options.launch(request, caller, connection);
      connection.close();
      this.#options.observer.finished(result, connection, caller);
    } catch (error) {
      refuse(error);
    }
  }

  #refuse(connection: LaunchConnection, caller: PinnedCaller | null, error: unknown): void {
    this.#options.observer.refused(error, connection, caller);
    connection.refuse(lineOf(error));
  }
}

function goneMeanwhile(): Refusal {
  return new Refusal('caller-gone', 'Cannot answer: the caller has closed the connection', 'call again');
}

function userNotAllowed({ credentials: { uid } }: PinnedCaller): Refusal {
  return new Refusal(
    'caller-not-allowed',
    `Cannot start a VM for uid ${uid}: it is not allowed to`,
    'add the user that libvirt runs QEMU as to "launch-users" in qemu-kube.conf',
  );
}

function stopping(): Refusal {
  return new Refusal('busy', 'Cannot start the VM: the node driver is stopping', 'start the VM again');
}

function noRoom(): Limited {
  return new Limited('connections', 'Cannot take another request now', 'start the VM again in a moment');
}

function tooSlow(): Limited {
  return new Limited('time', 'Cannot read the request: it did not arrive in time', 'try again', 'protocol');
}

function lineOf(error: unknown): string {
  if (error instanceof Refusal) return error.line;
  if (error instanceof ProtocolError) return error.toRefusal().line;
  return 'Cannot start the VM: the node driver failed; read its log';
}
