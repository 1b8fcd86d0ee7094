import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';

import { createLibc } from '../../../daemon/host/libc.ts';
import { PinnedProcess } from '../../../daemon/host/pinned-process.ts';
import { parseStat } from '../../../daemon/target/parse-stat.ts';
import type { ProcessIdentity } from '../../../daemon/target/target.ts';
import { skip } from '../../support/skip.ts';

const libc = createLibc();
const countFds = (): number => fs.readdirSync('/proc/self/fd').length;

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe('PinnedProcess', () => {
  const children: ChildProcess[] = [];
  const ended: number[] = [];
  const sleep = (): ChildProcess & { readonly pid: number } => {
    const child = spawn('sleep', ['100'], { stdio: 'ignore' });
    children.push(child);
    const { pid } = child;
    if (pid === undefined) throw new Error('There is no sleep on this machine');
    return Object.assign(child, { pid });
  };
  afterEach(() => {
    for (const pid of ended.splice(0)) process.kill(pid, 'SIGKILL');
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  const identify = (pid: number): ProcessIdentity => {
    using pinned = PinnedProcess.open(libc, '/proc', pid);
    return pinned.identify(parseStat(pinned.readText('stat'))?.startTime ?? NaN);
  };
  /** Two processes, of which the second got the pid of the first, within one tick of the clock. */
  const reusePid = async (): Promise<readonly ProcessIdentity[]> => {
    const script =
      'use POSIX; $| = 1; my @alarm;' +
      'sub start { my $p = fork(); if ($p == 0) { sleep 60; exit } return $p }' +
      'while (<STDIN>) { if (/new/) { $p = start(); print "$p\\n" }' +
      ' else { kill 9, $p; waitpid $p, 0; open F, ">", "/proc/sys/kernel/ns_last_pid" or print("none\\n"), next;' +
      ' print F $p - 1; close F; $q = start(); print "$q\\n"; $p = $q } }';
    const forks = spawn('perl', ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
    children.push(forks);
    const lines = createInterface({ input: forks.stdout })[Symbol.asyncIterator]();
    const ask = async (word: string): Promise<number> => {
      forks.stdin.write(`${word}\n`);
      return Number((await lines.next()).value);
    };
    for (let attempt = 0; attempt < 300; attempt++) {
      const first = identify(await ask('new'));
      const pid = await ask('again');
      if (Number.isNaN(pid)) return [];
      const second = identify(pid);
      if (second.pid === first.pid && second.startTime === first.startTime) {
        ended.push(pid);
        return [first, second];
      }
      process.kill(pid, 'SIGKILL');
    }
    return [];
  };

  it('reads the process that it holds', () => {
    const { pid } = sleep();
    using pinned = PinnedProcess.open(libc, '/proc', pid);
    expect(pinned.readText('stat')).to.match(new RegExp(`^${pid} \\(`));
    expect(pinned.namespaces()).to.have.property('net', fs.statSync('/proc/self/ns/net').ino);
    expect(pinned.statLink('root').inode).to.equal(fs.statSync('/', { bigint: true }).ino);
    expect(pinned.isAlive()).to.equal(true);
  });

  it('says ESRCH or ENOENT for all of a process that has ended', async () => {
    const child = sleep();
    using pinned = PinnedProcess.open(libc, '/proc', child.pid);
    await end(child);
    expect(pinned.isAlive()).to.equal(false);
    expect(() => pinned.assertAlive())
      .to.throw()
      .with.property('code', 'ESRCH');
    for (const action of [
      () => pinned.read('stat'),
      () => pinned.readLink('exe'),
      () => pinned.statLink('root'),
      () => pinned.namespaces(),
    ])
      expect(action).to.throw().with.property('code').that.is.oneOf(['ESRCH', 'ENOENT']);
  });

  it('reopen() gives the process of that start time, and nothing for another or an ended one', async () => {
    const child = sleep();
    const stat = parseStat(fs.readFileSync(`/proc/${child.pid}/stat`, 'latin1'));
    if (stat === null) throw new Error('The process has no stat');
    {
      using same = PinnedProcess.reopen(libc, '/proc', stat);
      expect(same?.pid).to.equal(child.pid);
    }
    const fds = countFds();
    expect(PinnedProcess.reopen(libc, '/proc', { ...stat, startTime: stat.startTime + 1 })).to.equal(null);
    await end(child);
    expect(PinnedProcess.reopen(libc, '/proc', stat)).to.equal(null);
    expect(countFds()).to.equal(fds);
  });

  it('signal() reaches the process, and says false once it has ended', async () => {
    const child = sleep();
    using pinned = PinnedProcess.open(libc, '/proc', child.pid);
    const ended = once(child, 'exit');
    expect(pinned.signal(15)).to.equal(true);
    expect(await ended).to.deep.equal([null, 'SIGTERM']);
    expect(pinned.signal(15)).to.equal(false);
  });

  it('never reads a process that has got the pid of the one that it holds', async function () {
    const lastPid = '/proc/sys/kernel/ns_last_pid';
    const child = sleep();
    using pinned = PinnedProcess.open(libc, '/proc', child.pid);
    await end(child);
    let successor: number | undefined;
    for (let attempt = 0; attempt < 200 && successor !== child.pid; attempt++) {
      try {
        fs.writeFileSync(lastPid, String(child.pid - 1));
      } catch {
        skip(this, 'the next pid cannot be chosen here');
      }
      successor = sleep().pid;
    }
    if (successor !== child.pid) skip(this, 'other processes always got the pid first');
    expect(fs.readFileSync(`/proc/${child.pid}/stat`, 'latin1')).to.match(new RegExp(`^${child.pid} `));
    expect(pinned.isAlive()).to.equal(false);
    for (const action of [
      () => pinned.read('stat'),
      () => pinned.readLink('exe'),
      () => pinned.statLink('exe'),
      () => pinned.namespaces(),
    ])
      expect(action).to.throw().with.property('code').that.is.oneOf(['ESRCH', 'ENOENT']);
    expect(() => libc.signal(pinned.pidfd, 9))
      .to.throw()
      .with.property('code', 'ESRCH');
    expect(children.at(-1)?.exitCode).to.equal(null);
  });

  it('adopt() takes no directory of another process for that of a pidfd whose process has ended', async () => {
    const [child, other] = [sleep(), sleep()];
    const pidfd = libc.pidfdOpen(child.pid);
    await end(child);
    const before = countFds();
    // As if the other one had got its pid.
    expect(() => PinnedProcess.adopt(libc, '/proc', other.pid, pidfd))
      .to.throw()
      .with.property('code', 'ESRCH');
    expect(countFds()).to.equal(before - 1);
  });

  it('reopen() takes no process for another that has its pid and its start time', async function () {
    const [first, second] = await reusePid();
    if (first === undefined || second === undefined)
      skip(this, 'no pid could be used again in one tick here');
    if (first.inode === undefined) skip(this, 'this kernel gives all pidfds one inode');
    expect(second.pid).to.equal(first.pid);
    expect(second.startTime).to.equal(first.startTime);
    expect(PinnedProcess.reopen(libc, '/proc', first)).to.equal(null);
    using same = PinnedProcess.reopen(libc, '/proc', second);
    expect(same?.pid).to.equal(second.pid);
    // As an earlier release recorded it.
    using unknown = PinnedProcess.reopen(libc, '/proc', { pid: first.pid, startTime: first.startTime });
    expect(unknown?.pid).to.equal(second.pid);
  });

  it('leaks nothing when there is no such process, or no such procfs', () => {
    const { pid } = sleep();
    const before = countFds();
    expect(() => PinnedProcess.open(libc, '/proc', 4_194_303))
      .to.throw()
      .with.property('code', 'ESRCH');
    expect(() => PinnedProcess.open(libc, '/nowhere', pid))
      .to.throw()
      .with.property('code', 'ENOENT');
    expect(countFds()).to.equal(before);
  });

  it('closes its fds once, and gives none of them away afterwards', () => {
    const { pid } = sleep();
    const before = countFds();
    const pinned = PinnedProcess.open(libc, '/proc', pid);
    expect(countFds()).to.equal(before + 2);
    pinned[Symbol.dispose]();
    // They get the numbers that were free again.
    const others = [fs.openSync('/dev/null', 'r'), fs.openSync('/dev/null', 'r')];
    pinned[Symbol.dispose]();
    expect(countFds()).to.equal(before + 2);
    expect(() => pinned.directory).to.throw('it was let go of');
    expect(() => pinned.pidfd).to.throw('it was let go of');
    expect(() => pinned.read('stat')).to.throw('it was let go of');
    for (const fd of others) fs.closeSync(fd);
  });

  it('reads 64 KiB of a file at most', () => {
    const child = spawn('sleep', ['100'], { stdio: 'ignore', env: { LONG: 'x'.repeat(100_000) } });
    children.push(child);
    using pinned = PinnedProcess.open(libc, '/proc', child.pid ?? 0);
    expect(pinned.read('environ')).to.have.lengthOf(65_536);
  });
});
