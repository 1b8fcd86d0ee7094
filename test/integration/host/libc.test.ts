import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { SystemCallError } from '../../../daemon/errors.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { fdOf } from '../../../daemon/host/socket-fd.ts';
import { skip } from '../../support/skip.ts';

const libc = createLibc();
const opened: number[] = [];

function keep(fd: number): number {
  opened.push(fd);
  return fd;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SystemCallError) return error.code;
    throw error;
  }
  return 'none';
}

function flagsOf(fd: number): number {
  const flags = /^flags:\s+([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  return Number.parseInt(flags ?? '', 8);
}

const O_CLOEXEC = 0o2000000;

describe('Libc', () => {
  afterEach(() => {
    for (const fd of opened.splice(0)) fs.closeSync(fd);
  });

  it('peerCredentials() and peerPidfd() tell who connected', async function () {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-libc-'));
    const server = net.createServer();
    try {
      await new Promise<void>((resolve) => server.listen(path.join(directory, 's'), resolve));
      const client = net.connect(path.join(directory, 's'));
      const [accepted] = (await once(server, 'connection')) as [net.Socket];
      const fd = fdOf(accepted);
      expect(libc.peerCredentials(fd)).to.deep.equal({
        pid: process.pid,
        uid: process.getuid?.(),
        gid: process.getgid?.(),
      });
      const pidfd = keep(libc.peerPidfd(fd));
      expect(fs.readFileSync(`/proc/self/fdinfo/${pidfd}`, 'utf8')).to.match(
        new RegExp(`^Pid:\\s+${process.pid}$`, 'm'),
      );
      client.destroy();
      accepted.destroy();
    } finally {
      server.close();
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('peerCredentials() says what is no socket', () => {
    const fd = keep(fs.openSync('/dev/null', 'r'));
    expect(codeOf(() => libc.peerCredentials(fd))).to.equal('ENOTSOCK');
    expect(codeOf(() => libc.peerPidfd(1_000_000))).to.equal('EBADF');
  });

  it('pidfdOpen(), signal() and isAlive() follow a process to its end', async () => {
    const child = spawn('sleep', ['100']);
    const ended = once(child, 'exit');
    const pidfd = keep(libc.pidfdOpen(child.pid ?? 0));
    expect(flagsOf(pidfd) & O_CLOEXEC).to.not.equal(0);
    expect(libc.isAlive(pidfd)).to.equal(true);
    libc.signal(pidfd, 0);
    libc.signal(pidfd, 15);
    expect((await ended)[1]).to.equal('SIGTERM');
    expect(libc.isAlive(pidfd)).to.equal(false);
    expect(codeOf(() => libc.signal(pidfd, 15))).to.equal('ESRCH');
  });

  it('ownerOf() tells the real user and the cgroup of a process, and nothing of one that has ended', async function () {
    const child = spawn('setpriv', ['--ruid=12345', '--', 'sh', '-c', 'echo; exec sleep 100']);
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    const pidfd = keep(libc.pidfdOpen(child.pid ?? 0));
    const owner = libc.ownerOf(pidfd);
    const cgroup = /^0::(.*)$/m.exec(fs.readFileSync(`/proc/${child.pid}/cgroup`, 'utf8'))?.[1];
    child.kill('SIGKILL');
    await ended;
    expect(libc.ownerOf(pidfd)).to.equal(null);
    if (owner === null) skip(this, 'this kernel does not tell (Linux 6.13 does)');
    expect(owner.realUid).to.equal(12345);
    const directory = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].findLast((each) =>
      fs.existsSync(`${each}/cgroup.controllers`),
    );
    expect(owner.cgroup).to.equal(fs.statSync(`${directory}${cgroup}`, { bigint: true }).ino);
  });

  it('pidfdOpen() says that there is no such process, in words', () => {
    expect(codeOf(() => libc.pidfdOpen(4_194_304))).to.be.oneOf(['ESRCH', 'EINVAL']);
    expect(codeOf(() => libc.pidfdOpen(-1))).to.equal('EINVAL');
    expect(() => libc.pidfdOpen(-1)).to.throw(
      'Cannot open a pidfd of process -1: pidfd_open failed with EINVAL',
    );
  });

  it('socketPair() gives two connected ends, close-on-exec', async () => {
    const [one, two] = libc.socketPair();
    expect([one, two].map((fd) => flagsOf(fd) & O_CLOEXEC)).to.not.include(0);
    const [left, right] = [one, two].map((fd) => new net.Socket({ fd, readable: true, writable: true }));
    left?.write('hello');
    const [data] = (await once(right ?? new net.Socket(), 'data')) as [Buffer];
    expect(data.toString()).to.equal('hello');
    left?.destroy();
    right?.destroy();
  });

  it('sendWithFds() sends in one piece, and says when it cannot', async () => {
    const [one, two] = libc.socketPair();
    keep(one);
    const socket = new net.Socket({ fd: two, readable: true, writable: true });
    const fd = keep(fs.openSync('/dev/null', 'r'));
    libc.sendWithFds(one, Buffer.from('with'), [fd, fd, fd]);
    libc.sendWithFds(one, Buffer.from('out'), []);
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    while (text.length < 7) await once(socket, 'data');
    expect(text).to.equal('without');
    expect(codeOf(() => libc.sendWithFds(one, Buffer.from('x'), [1_000_000]))).to.equal('EBADF');
    expect(codeOf(() => libc.sendWithFds(one, Buffer.from('x'), Array<number>(254).fill(fd)))).to.equal(
      'EINVAL',
    );
    socket.destroy();
    await once(socket, 'close');
    expect(codeOf(() => libc.sendWithFds(one, Buffer.from('x'), []))).to.equal('EPIPE');
  });

  it('sendWithFds() says EAGAIN when nobody reads', () => {
    const [one, two] = libc.socketPair();
    keep(one);
    keep(two);
    const fill = (): void => {
      for (let sent = 0; sent < 100_000; sent++) libc.sendWithFds(one, Buffer.alloc(1024), []);
    };
    expect(codeOf(fill)).to.equal('EAGAIN');
  });

  it('sealedMemory() holds its content for good', () => {
    const content = Buffer.alloc(200_000, 'x');
    const fd = keep(libc.sealedMemory('knd-test', content));
    expect(fs.readFileSync(`/proc/self/fd/${fd}`).equals(content)).to.equal(true);
    expect(flagsOf(fd) & O_CLOEXEC).to.not.equal(0);
    expect(fs.readlinkSync(`/proc/self/fd/${fd}`)).to.include('memfd:knd-test');
    expect(() => fs.writeSync(fd, 'y', 0)).to.throw('EPERM');
    expect(() => fs.ftruncateSync(fd, 0)).to.throw('EPERM');
    expect(() => fs.ftruncateSync(fd, 300_000)).to.throw('EPERM');
    expect(fs.fstatSync(keep(libc.sealedMemory('empty', Buffer.alloc(0)))).size).to.equal(0);
  });

  it('lock() locks for one, until it is closed', () => {
    const open = (): number => fs.openSync(os.tmpdir(), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    const first = open();
    const second = keep(open());
    libc.lock(first);
    libc.lock(first);
    expect(codeOf(() => libc.lock(second))).to.equal('EAGAIN');
    fs.closeSync(first);
    libc.lock(second);
  });
});
