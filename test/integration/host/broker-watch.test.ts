import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { Broker } from '../../../daemon/host/broker.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import type { ProcessEnd } from '../../../daemon/host/process-watches.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';

const libc = createLibc();
const libraryDirectory = path.join(import.meta.dirname, '../../../stub/build');
const [major = 0, minor = 0] = fs.readFileSync('/proc/sys/kernel/osrelease', 'latin1').split('.').map(Number);
const tellsEnds = major > 6 || (major === 6 && minor >= 15);

describe('Broker watches processes', function () {
  this.timeout(20_000);
  let broker: Broker;
  let restarts = 0;
  const opened: number[] = [];
  const children: ChildProcess[] = [];

  beforeEach(() => {
    restarts = 0;
    broker = new Broker({ libc, libraryDirectory, onRestart: () => restarts++ });
    broker.start();
  });
  afterEach(() => {
    broker.stop();
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const fd of opened.splice(0)) fs.closeSync(fd);
  });

  /** A process that reads a line and ends with it as exit status. */
  const start = (): { readonly child: ChildProcess; readonly pidfd: number } => {
    const child = spawn('sh', ['-c', 'read status; exit $status'], { stdio: ['pipe', 'ignore', 'ignore'] });
    children.push(child);
    const pidfd = libc.pidfdOpen(child.pid ?? 0);
    opened.push(pidfd);
    return { child, pidfd };
  };
  const countWatched = (): number =>
    fs
      .readdirSync(`/proc/${broker.pid}/fd`)
      .filter((fd) => fs.readlinkSync(`/proc/${broker.pid}/fd/${fd}`).includes('pidfd')).length;
  const awaitWatched = (count: number): Promise<true> =>
    waitUntil(`the broker watches ${count}`, () => (countWatched() === count ? true : undefined), 5000);

  const ends: readonly (readonly [string, (child: ChildProcess) => void, ProcessEnd])[] = [
    ['exit status 42', (child) => child.stdin?.write('42\n'), { kind: 'exit', value: 42 }],
    ['exit status 0', (child) => child.stdin?.write('0\n'), { kind: 'exit', value: 0 }],
    ['SIGKILL', (child) => child.kill('SIGKILL'), { kind: 'signal', value: 9 }],
  ];
  for (const [what, end, expected] of ends)
    it(`and tells once of an end by ${what}`, async function () {
      if (!tellsEnds) skip(this, 'the kernel tells nobody but the parent (before Linux 6.15)');
      const { child, pidfd } = start();
      const told: ProcessEnd[] = [];
      broker.watch(pidfd, (each) => told.push(each));
      await awaitWatched(1);
      expect(told).to.deep.equal([]);
      end(child);
      await awaitWatched(0);
      await waitUntil('the end is told', () => (told.length > 0 ? true : undefined), 5000);
      expect(told).to.deep.equal([expected]);
    });

  it('and knows one that had ended before', async () => {
    const { child, pidfd } = start();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const { kind } = await new Promise<ProcessEnd>((resolve) => broker.watch(pidfd, resolve));
    expect(kind).to.equal(tellsEnds ? 'signal' : 'unknown');
  });

  it('also over its own end', async () => {
    const { child, pidfd } = start();
    const told = new Promise<ProcessEnd>((resolve) => broker.watch(pidfd, resolve));
    await awaitWatched(1);
    process.kill(broker.pid ?? 0, 'SIGKILL');
    await waitUntil('it is back', () => (restarts === 1 && broker.pid !== null ? true : undefined), 5000);
    await awaitWatched(1);
    child.kill('SIGKILL');
    expect((await told).kind).to.equal(tellsEnds ? 'signal' : 'unknown');
  });

  it('until the watch is disposed of, and holds nothing then', async () => {
    const { child, pidfd } = start();
    let told = 0;
    const watches = Array.from({ length: 100 }, () => broker.watch(pidfd, () => told++));
    await awaitWatched(100);
    for (const watch of watches.slice(1)) watch[Symbol.dispose]();
    await awaitWatched(1);
    child.kill('SIGKILL');
    await waitUntil('the end is told', () => (told > 0 ? true : undefined), 5000);
    expect(told).to.equal(1);
  });
});
