import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ContainerInits } from '../../../daemon/host/container-inits.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { Turns } from '../../../daemon/host/turns.ts';
import { listCgroupRoots, removeCgroup } from '../../support/cgroups.ts';

/** Longer than a tick of start times. */
const TICK_MS = 30;

describe('ContainerInits', function () {
  this.timeout(20_000);
  const children: ChildProcess[] = [];
  let path: string;
  let directory: string;
  let inits: ContainerInits;

  beforeEach(() => {
    path = `/knd-test-${randomUUID()}`;
    const roots = listCgroupRoots();
    const [version1] = roots;
    // Of version 2 where there is one: a new cgroup of cpuset's version 1 takes no process.
    const root = roots.find(
      (each) => existsSync(join(each, 'cgroup.procs')) && existsSync(join(each, 'cgroup.controllers')),
    );
    directory = join(root ?? version1 ?? '', path);
    mkdirSync(directory);
    inits = new ContainerInits(createLibc(), '/proc');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child);
    await removeCgroup(path);
  });

  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<ChildProcess> => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.push(child);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    return child;
  };
  const enter = (child: ChildProcess, cgroup = directory): void => {
    writeFileSync(join(cgroup, 'cgroup.procs'), String(child.pid));
  };
  const find = async (): Promise<number | undefined> => {
    const init = await inits.pin(directory, new Turns().begin());
    if (init === null || init === 'ended' || init === 'too-large') return undefined;
    init.process[Symbol.dispose]();
    return init.identity.pid;
  };

  it('finds the oldest process, whatever came to the cgroup first', async () => {
    const [oldest, younger] = [await start(), await start()];
    enter(younger);
    enter(oldest);
    expect(await find()).to.equal(oldest.pid);
  });

  it('finds one in a cgroup that the workload made below', async () => {
    const [oldest, younger] = [await start(), await start()];
    const below = join(directory, 'below');
    mkdirSync(below);
    enter(oldest, below);
    enter(younger);
    expect(await find()).to.equal(oldest.pid);
  });

  it('finds one in the last of 300 cgroups that the workload made', async () => {
    const [oldest, younger] = [await start(), await start()];
    for (let i = 0; i < 300; i++) mkdirSync(join(directory, String(i)));
    enter(younger);
    const names = readdirSync(directory, { withFileTypes: true }).filter((each) => each.isDirectory());
    enter(oldest, join(directory, names.at(-1)?.name ?? ''));
    expect(await find()).to.equal(oldest.pid);
  });

  it('does not guess in more cgroups than it looks at', async () => {
    const [oldest, younger] = [await start(), await start()];
    enter(younger);
    for (let i = 0; i < 4200; i++) mkdirSync(join(directory, String(i)));
    enter(oldest, join(directory, '4199'));
    expect(await inits.pin(directory, new Turns().begin())).to.equal('too-large');
  });

  it('serves all who ask at once', async () => {
    const child = await start();
    enter(child);
    expect(await Promise.all(Array.from({ length: 5 }, find))).to.deep.equal(Array(5).fill(child.pid));
  });

  it('finds none in a container without processes, and the first one that comes', async () => {
    expect(await find()).to.equal(undefined);
    const child = await start();
    enter(child);
    expect(await find()).to.equal(child.pid);
  });

  it('keeps to the one it found while that runs there', async () => {
    const [older, first] = [await start(), await start()];
    enter(first);
    expect(await find()).to.equal(first.pid);
    enter(older);
    expect(await find()).to.equal(first.pid);
  });

  it('looks anew once that has ended', async () => {
    const [first, second] = [await start(), await start()];
    enter(first);
    enter(second);
    expect(await find()).to.equal(first.pid);
    await end(first);
    expect(await find()).to.equal(second.pid);
  });

  it('looks anew once that has left the cgroup', async () => {
    const [first, second] = [await start(), await start()];
    enter(first);
    enter(second);
    expect(await find()).to.equal(first.pid);
    enter(first, join(directory, '..'));
    expect(await find()).to.equal(second.pid);
  });
});
