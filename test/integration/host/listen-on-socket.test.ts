import { expect } from 'chai';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { listenOnSocket, type ListeningSocket } from '../../../daemon/host/listen-on-socket.ts';
import { probeSocket } from '../../../daemon/host/probe-socket.ts';
import { fdOf } from '../../../daemon/host/socket-fd.ts';

let directory: string;
let socketPath: string;
let opened: ListeningSocket[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-socket-'));
  socketPath = path.join(directory, 'x.sock');
  opened = [];
});
afterEach(() => {
  for (const each of opened) each.close();
  fs.rmSync(directory, { recursive: true });
});

async function open(options: { mode?: number; uid?: number; gid?: number } = {}): Promise<ListeningSocket> {
  const socket = await listenOnSocket(socketPath, {
    mode: 0o660,
    connectionListener: (connection) => {
      connection.on('error', () => undefined); // the probe of another instance hangs up
      connection.end('hello');
    },
    ...options,
  });
  opened.push(socket);
  return socket;
}

function readAll(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(socketPath);
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

/** What a process that was killed leaves: Node removes only the name that it bound. */
async function leaveStaleSocket(): Promise<void> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(`${socketPath}.bound`, resolve));
  fs.renameSync(`${socketPath}.bound`, socketPath);
  await new Promise((resolve) => server.close(resolve));
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe('listenOnSocket()', () => {
  for (const umask of [0o000, 0o077])
    it(`gives exactly the asked mode and owner under umask ${umask.toString(8)}, and keeps the umask`, async () => {
      const before = process.umask(umask);
      try {
        await open({ mode: 0o620, uid: 12_345, gid: 54_321 });
        fs.writeFileSync(path.join(directory, 'file'), '', { mode: 0o666 });
        expect(fs.statSync(path.join(directory, 'file')).mode & 0o777).to.equal(0o666 & ~umask);
        fs.unlinkSync(path.join(directory, 'file'));
      } finally {
        process.umask(before);
      }
      const { mode, uid, gid } = fs.statSync(socketPath);
      expect({ mode: mode & 0o7777, uid, gid }).to.deep.equal({ mode: 0o620, uid: 12_345, gid: 54_321 });
      expect(await readAll()).to.equal('hello');
      expect(fs.readdirSync(directory)).to.deep.equal(['x.sock']);
    });

  it('replaces the socket of a process that has died', async () => {
    await leaveStaleSocket();
    expect(await probeSocket(socketPath)).to.equal('stale');
    await open();
    expect(await readAll()).to.equal('hello');
  });

  it('refuses to replace a live socket, which goes on', async () => {
    await open();
    expect(await messageOf(open())).to.equal(
      `Cannot listen on "${socketPath}": another node-driver already does; stop it first, or set another run directory`,
    );
    expect(await readAll()).to.equal('hello');
  });

  it('refuses to replace what is no socket', async () => {
    fs.writeFileSync(socketPath, 'precious');
    expect(await messageOf(open())).to.include('it exists and is no socket of ours; remove it first');
    expect(fs.readFileSync(socketPath, 'utf8')).to.equal('precious');
  });

  it('does not follow a symlink to a socket elsewhere', async () => {
    const target = net.createServer();
    await new Promise<void>((resolve) => target.listen(`${socketPath}.other`, resolve));
    fs.symlinkSync(`${socketPath}.other`, socketPath);
    expect(await messageOf(open())).to.include('it exists and is no socket of ours');
    await new Promise((resolve) => target.close(resolve));
  });

  it('tells of a directory that is missing', async () => {
    socketPath = path.join(directory, 'missing', 'x.sock');
    expect(await messageOf(open())).to.match(
      /^Cannot listen on ".*x\.sock": .*; check that its directory exists/u,
    );
  });

  it('tells of a path that no socket can have', async () => {
    socketPath = path.join(directory, 'x'.repeat(108));
    expect(await messageOf(open())).to.include('the path is longer than');
  });

  it('close() removes its name at once, but not that of a successor', async () => {
    const first = await open();
    fs.unlinkSync(socketPath);
    const second = await open();
    first.close();
    expect(await readAll()).to.equal('hello');
    second.close();
    expect(fs.readdirSync(directory)).to.deep.equal([]);
  });
});

describe('probeSocket()', () => {
  it('tells absent, foreign and live', async () => {
    expect(await probeSocket(socketPath)).to.equal('absent');
    expect(await probeSocket(directory)).to.equal('foreign');
    await open();
    expect(await probeSocket(socketPath)).to.equal('live');
  });
});

describe('fdOf()', () => {
  it('gives the descriptor of an open socket, and throws once it is closed', async () => {
    await open();
    const socket = net.connect(socketPath);
    await new Promise((resolve) => socket.once('connect', resolve));
    expect(fs.readlinkSync(`/proc/self/fd/${fdOf(socket)}`)).to.match(/^socket:\[\d+\]$/u);
    socket.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(() => fdOf(socket)).to.throw('Cannot find the file descriptor of a socket');
  });
});
