import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRefused } from '../../daemon/launch/encode-frame.ts';
import { ProtocolError } from '../../daemon/launch/protocol-error.ts';
import { RequestReader } from '../../daemon/launch/request-reader.ts';
import { fuzzLaunchSocket } from '../fuzz/live-fuzz.ts';

/** The least that a server does with a connection: read, refuse what is wrong, close. */
function refuseAll(socket: Socket): void {
  const reader = new RequestReader();
  const attempt = (action: () => unknown): void => {
    try {
      if (action() !== null) socket.end(encodeRefused('Nobody is at home'));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      socket.end(encodeRefused(error.message));
    }
  };
  socket.on('data', (chunk) => attempt(() => reader.push(chunk)));
  socket.on('end', () => attempt(() => reader.end()));
  socket.on('error', () => socket.destroy());
  socket.setTimeout(200, () => socket.end(encodeRefused('Too slow')));
}

describe('fuzzLaunchSocket', () => {
  async function fuzz(serve: (socket: Socket) => void, runs: number, deadline: number) {
    const directory = await mkdtemp(join(tmpdir(), 'node-driver-live-'));
    const socketPath = join(directory, 'launch.sock');
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      serve(socket);
    }).listen(socketPath);
    try {
      await once(server, 'listening');
      return await fuzzLaunchSocket({ socketPath, runs, seed: 3, concurrency: 20, deadline });
    } finally {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
      await rm(directory, { recursive: true });
    }
  }

  it('counts every conversation once, and a server that always ends them has no endless one', async function () {
    this.timeout(60_000);
    const counts = await fuzz(refuseAll, 1000, 5000);
    expect(counts.refused + counts.closed).to.equal(1000);
    expect(counts.refused).to.be.greaterThan(900);
  });

  it('counts as endless what a silent server leaves open', async function () {
    this.timeout(60_000);
    const counts = await fuzz((socket) => socket.resume().on('error', () => socket.destroy()), 20, 300);
    expect(counts).to.include({ endless: 20, refused: 0, closed: 0 });
  });

  it('counts as unreachable what has no server', async () => {
    const counts = await fuzzLaunchSocket({
      socketPath: '/nonexistent/launch.sock',
      runs: 5,
      seed: 1,
      concurrency: 2,
    });
    expect(counts).to.include({ unreachable: 5 });
  });
});
