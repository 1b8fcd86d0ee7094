import { expect } from 'chai';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { Refusal } from '../../../daemon/errors.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { listenOnSocket, type ListeningSocket } from '../../../daemon/host/listen-on-socket.ts';
import { callOnDescriptor, callOnSocket } from '../../../daemon/launch/incoming-call.ts';
import { LaunchLimits } from '../../../daemon/launch/launch-limits.ts';
import { LaunchObserver } from '../../../daemon/launch/launch-observer.ts';
import { LaunchServer, type LaunchServerOptions } from '../../../daemon/launch/launch-server.ts';
import type { AuditRecord } from '../../../daemon/observe/audit-record.ts';
import { draftRequest, encodeRequest } from '../../fuzz/encode-request.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { plainMachine } from '../../support/plain-machine.ts';

const libc = createLibc();
const request = encodeRequest(draftRequest(['qemu'], ['A=b']));
const countFds = (): number => fs.readdirSync('/proc/self/fd').length;
const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

const connector = path.join(import.meta.dirname, '../../fixtures/build/inherited-connection');

/** Sockets that are bound below a directory: those that listen, and one for each connection. */
function countSockets(directory: string): number {
  return fs.readFileSync('/proc/net/unix', 'utf8').split(directory).length - 1;
}

/** Without the event loop, which meanwhile accepts nobody. */
function waitBlocking(condition: () => boolean): void {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('Waited 5 s in vain');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

class Client {
  readonly socket: net.Socket;
  /** What the server sent, once the connection has ended. */
  readonly answer: Promise<string>;

  constructor(socketPath: string) {
    this.socket = net.connect({ path: socketPath, allowHalfOpen: true });
    let text = '';
    this.socket.on('data', (data) => (text += data.toString('utf8', 12)));
    this.socket.on('end', () => this.socket.destroy());
    this.socket.on('error', () => undefined); // a refused client that still sends
    this.answer = new Promise((resolve) => this.socket.once('close', () => resolve(text)));
  }
}

describe('LaunchServer', function () {
  this.timeout(20_000);
  let directory: string;
  let door: ListeningSocket;
  let server: LaunchServer;
  let reasons: string[];
  let launched: number;
  let launch: LaunchServerOptions['launch'];
  const clients: Client[] = [];

  beforeEach(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-launch-'));
    reasons = [];
    launched = 0;
    launch = () => Promise.resolve({ machine: plainMachine, started: true, failure: null });
    await serve();
  });
  const serve = async (changes: Partial<LaunchServerOptions> = {}): Promise<void> => {
    server = new LaunchServer({
      libc,
      proc: '/proc',
      allowedUids: new Set([process.getuid?.() ?? 0]),
      limits: new LaunchLimits({ total: 256, perOrigin: 256, perSecond: null, now: () => performance.now() }),
      kubepodsBase: null,
      requestDeadlineMs: 300,
      onCaller: () => undefined,
      launch: (...args) => {
        launched++;
        return launch(...args);
      },
      observer: observerOf(() => undefined),
      ...changes,
    });
    door = await listenOnSocket(path.join(directory, 'launch.sock'), {
      mode: 0o600,
      server: { allowHalfOpen: true, pauseOnConnect: true },
      burst: { libc, listener: (fd) => server.accept(callOnDescriptor(fd)) },
      connectionListener: (socket) => server.accept(callOnSocket(socket)),
    });
  };
  const observerOf = (audit: (record: AuditRecord) => void): LaunchObserver =>
    new LaunchObserver({
      pods: null,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      audit,
      metrics: {
        launchStarted: () => reasons.push('started'),
        launchRefused: (reason) => reasons.push(reason),
        launchLimited: () => undefined,
        peerRejected: () => reasons.push('rejected'),
      },
    });
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    door.close();
    await server.close(1000);
    fs.rmSync(directory, { recursive: true });
  });
  const connect = (): Client => {
    const client = new Client(door.path);
    clients.push(client);
    return client;
  };

  it('hands a request on, and closes its own end when the launch is done', async () => {
    const client = connect();
    client.socket.write(request);
    expect(await client.answer).to.equal('');
    expect([launched, reasons]).to.deep.equal([1, ['started']]);
  });

  it('gives the reason of a refusal in one line', async () => {
    launch = () => Promise.reject(new Refusal('already-running', 'Cannot x\n', 'do y'));
    const client = connect();
    client.socket.write(request);
    expect(await client.answer).to.equal('Cannot x ; do y');
  });

  it('gives no detail of a failure of its own', async () => {
    launch = () => Promise.reject(new Error('/secret/path'));
    const client = connect();
    client.socket.write(request);
    expect(await client.answer).to.equal('Cannot start the VM: the node driver failed; read its log');
    expect(reasons).to.deep.equal(['internal']);
  });

  it('refuses a byte behind the request, in the same packet and in a later one', async () => {
    const sameTime = connect();
    sameTime.socket.write(Buffer.concat([request, Buffer.from('x')]));
    expect(await sameTime.answer).to.match(/^Cannot go on: the peer sent bytes that nobody asked for; /);
    expect(launched).to.equal(0);

    let isGone = false;
    launch = (_request, _caller, connection) =>
      new Promise((_, reject) => {
        connection.gone.addEventListener('abort', () => {
          isGone = true;
          reject(new Refusal('caller-gone', 'x', 'y'));
        });
      });
    const later = connect();
    later.socket.write(request);
    await waitUntil('the request is being handled', () => (launched === 1 ? true : undefined), 5000);
    later.socket.write('x');
    expect(await later.answer).to.match(/^Cannot go on: /);
    expect([isGone, reasons]).to.deep.equal([true, ['protocol', 'protocol']]);
  });

  it('leaves what comes after release() to the shim', async () => {
    let rest: Promise<Buffer> | undefined;
    launch = async (_request, _caller, connection) => {
      connection.release();
      await sleep(100);
      rest = new Promise((resolve) =>
        fs.read(connection.descriptor, Buffer.alloc(9), 0, 9, null, (_, __, bytes) => resolve(bytes)),
      );
      await rest;
      return { machine: plainMachine, started: true, failure: null };
    };
    const client = connect();
    client.socket.write(request);
    await waitUntil('the request is being handled', () => (launched === 1 ? true : undefined), 5000);
    client.socket.write('for later');
    expect(await client.answer).to.equal('');
    expect((await rest)?.toString()).to.equal('for later');
  });

  it('tells a client that closed its side, and gives up its launch', async () => {
    const early = connect();
    early.socket.end(request.subarray(0, 20));
    expect(await early.answer).to.match(/^Cannot answer: the caller has closed the connection; /);
    expect(launched).to.equal(0);
    launch = (_request, _caller, connection) =>
      new Promise((_, reject) =>
        connection.gone.addEventListener('abort', () => reject(new Refusal('caller-gone', 'x', 'y'))),
      );
    const late = connect();
    late.socket.end(request);
    expect(await late.answer).to.match(/^Cannot answer: /);
    expect(reasons).to.deep.equal(['caller-gone', 'caller-gone']);
  });

  it('refuses a slow client, and takes no request that becomes whole after that', async () => {
    const client = connect();
    for (const byte of request.subarray(0, -1)) client.socket.write(Buffer.of(byte));
    expect(await client.answer).to.equal('Cannot read the request: it did not arrive in time; try again');
    client.socket.write(request.subarray(-1));
    await sleep(50);
    expect([launched, reasons]).to.deep.equal([0, ['protocol']]);
  });

  it('refuses 4 GiB at the header, and a client that sends on does not keep its connection', async () => {
    const client = connect();
    const header = Buffer.from(request.subarray(0, 12));
    header.writeUInt32LE(0xffff_ffff, 8);
    client.socket.write(Buffer.concat([header, Buffer.alloc(4 << 20)]));
    expect(await client.answer).to.match(/^Cannot accept a payload of /);
  });

  it('tells of each caller that may ask, before its request is there, and of nobody else', async () => {
    let callers = 0;
    const onCaller = (): void => {
      callers++;
    };
    door.close();
    await serve({ onCaller });
    connect();
    await waitUntil('it was told', () => (callers > 0 ? true : undefined), 5000);
    expect(launched).to.equal(0);
    door.close();
    await serve({ onCaller, allowedUids: new Set([12_345]) });
    expect(await connect().answer).to.match(/it is not allowed to/);
    expect(callers).to.equal(1);
  });

  it('refuses who is not allowed, before it has read anything', async () => {
    door.close();
    await serve({ allowedUids: new Set([12_345]) });
    const client = connect();
    expect(await client.answer).to.match(/^Cannot start a VM for uid 0: it is not allowed to; /);
    expect([launched, reasons]).to.deep.equal([0, ['caller-not-allowed', 'rejected']]);
  });

  it('knows who calls by its real user, whomever it acts as', async () => {
    const stranger = 12_345;
    const caller = spawn('setpriv', [`--ruid=${stranger}`, '--', connector, door.path, 'wait'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      await waitUntil('it was answered', () => (reasons.length > 0 ? true : undefined), 5000);
      expect(reasons).to.deep.equal(['caller-not-allowed', 'rejected']);
    } finally {
      caller.stdin.end();
    }
  });

  it('takes 256 of 300 connections at once, tells the others, and closes all fds', async () => {
    const before = countFds();
    const release: (() => void)[] = [];
    launch = () =>
      new Promise((resolve) =>
        release.push(() => resolve({ machine: plainMachine, started: true, failure: null })),
      );
    const many = Array.from({ length: 256 }, connect);
    for (const { socket } of many) socket.write(request);
    await waitUntil('all are heard', () => (launched === 256 ? true : undefined), 10_000);
    const late = Array.from({ length: 44 }, connect);
    many.push(...late);
    await Promise.all(late.map(({ answer }) => answer));
    for (const each of release) each();
    const answers = await Promise.all(many.map(({ answer }) => answer));
    const busy = 'Cannot take another request now; start the VM again in a moment';
    expect(answers.filter((answer) => answer === '')).to.have.lengthOf(256);
    expect(answers.filter((answer) => answer === busy)).to.have.lengthOf(44);
    expect(reasons.filter((reason) => reason === 'rejected')).to.have.lengthOf(44);
    await waitUntil('all fds are closed', () => (countFds() <= before ? true : undefined), 5000);
    const next = connect();
    next.socket.write(request);
    await waitUntil('there is room again', () => (launched === 257 ? true : undefined), 5000);
    release.at(-1)?.();
    expect(await next.answer).to.equal('');
  });

  it('ends the connections that wait for the longest when there is no room, not the one that comes', async () => {
    door.close();
    await serve({
      limits: new LaunchLimits({ total: 256, perOrigin: 8, perSecond: null, now: () => performance.now() }),
      requestDeadlineMs: 10_000,
    });
    const slow = Array.from({ length: 8 }, connect);
    for (const { socket } of slow) socket.write(request.subarray(0, 5));
    await sleep(50);
    const more = Array.from({ length: 8 }, connect);
    for (const { socket } of more) socket.write(request);
    expect(await Promise.all(more.map(({ answer }) => answer))).to.deep.equal(Array(8).fill(''));
    expect(launched).to.equal(8);
    expect(await slow[0]?.answer).to.match(/^Cannot wait for the rest of the request: /);
  });

  it('lets who comes behind a crowd of another user wait for one of it, not for all', async function () {
    const probe = libc.pidfdOpen(process.pid);
    const isTold = libc.ownerOf(probe) !== null;
    fs.closeSync(probe);
    if (!isTold) skip(this, 'this kernel does not tell whose a process is by its pidfd (Linux 6.13 does)');
    const served: number[] = [];
    door.close();
    await serve({
      allowedUids: new Set(),
      observer: observerOf(({ caller }) => served.push(caller?.uid ?? -1)),
    });
    const [crowd, other] = [12_345, 12_346];
    const uids = [...Array<number>(40).fill(crowd), other];
    const callers = uids.map((uid) => {
      const before = countSockets(directory);
      const caller = spawn('setpriv', [`--ruid=${uid}`, '--', connector, door.path, 'wait'], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      waitBlocking(() => countSockets(directory) > before);
      return caller;
    });
    try {
      await waitUntil('all were served', () => (served.length === uids.length ? true : undefined), 5000);
      // Not at once: those that wait are taken for a millisecond in each turn of the event loop.
      expect(served.indexOf(other)).to.be.within(0, uids.length / 2 - 1);
    } finally {
      for (const caller of callers) caller.stdin.end();
    }
  });

  it('closes what Node can make no socket of, and goes on', async () => {
    const fds = countFds();
    server.accept(callOnDescriptor(fs.openSync('/dev/null', 'r')));
    expect(countFds()).to.equal(fds);
    expect(reasons).to.deep.equal(['rejected']);
    const client = connect();
    client.socket.write(request);
    expect(await client.answer).to.equal('');
    expect(launched).to.equal(1);
  });

  it('close() refuses what is undecided, and lets a launch end that is under way', async () => {
    const steps: string[] = [];
    launch = async (_request, _caller, connection) => {
      connection.release();
      steps.push('released');
      await sleep(200);
      // The number must still be that of this connection: it is on its way to a shim.
      expect(fs.readlinkSync(`/proc/self/fd/${connection.descriptor}`)).to.match(/^socket:/);
      steps.push('done');
      return { machine: plainMachine, started: true, failure: null };
    };
    const underWay = connect();
    underWay.socket.write(request);
    const reading = connect();
    reading.socket.write(request.subarray(0, 5));
    await waitUntil('it is under way', () => (steps.length === 1 ? true : undefined), 5000);
    await sleep(20);
    await server.close(5000);
    expect(steps).to.deep.equal(['released', 'done']);
    expect(await underWay.answer).to.equal('');
    expect(await reading.answer).to.equal(
      'Cannot start the VM: the node driver is stopping; start the VM again',
    );
    expect(await connect().answer).to.match(/the node driver is stopping/);
  });

  it('close() waits no longer than it may', async () => {
    let finish: (() => void) | undefined;
    launch = (_request, _caller, connection) => {
      connection.release();
      return new Promise((resolve) => {
        finish = () => resolve({ machine: plainMachine, started: true, failure: null });
      });
    };
    connect().socket.write(request);
    await waitUntil('it is under way', () => finish, 5000);
    await server.close(50);
    expect(reasons).to.deep.equal([]);
    finish?.();
    await waitUntil('it has ended', () => (reasons.length > 0 ? true : undefined), 5000);
    expect(reasons).to.deep.equal(['started']);
  });
});
