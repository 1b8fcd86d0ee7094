import { expect } from 'chai';
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLibc } from '../../../daemon/host/libc.ts';
import { LibvirtProcesses } from '../../../daemon/host/libvirt-processes.ts';
import { Turns } from '../../../daemon/host/turns.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { Scratch } from '../../support/scratch.ts';

describe('LibvirtProcesses.find()', function () {
  this.timeout(30_000);
  let scratch: Scratch;
  let name: string;
  let looked: number[];
  let processes: LibvirtProcesses;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    scratch = Scratch.open('test');
    chmodSync(scratch.directory, 0o755);
    name = `virtqemud-${scratch.id}`;
    looked = [];
    copyFileSync('/usr/bin/sleep', join(scratch.directory, name));
    processes = new LibvirtProcesses({
      libc: createLibc(),
      proc: '/proc',
      executables: ['no-such-libvirt', name],
      turns: new Turns(),
      containerOf: (pid) => {
        looked.push(pid);
        return 'the same';
      },
    });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child);
    await scratch.close();
  });

  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const start = async (
    options: SpawnOptions = {},
    program = join(scratch.directory, name),
  ): Promise<number> => {
    const child = spawn(program, ['60'], { stdio: 'ignore', ...options });
    children.push(child);
    await once(child, 'spawn');
    return child.pid ?? 0;
  };
  const find = (pid?: number): Promise<string> =>
    processes.find((process) => pid === undefined || process.pid === pid);

  it('finds a process of root by the name of its executable, and walks only when it must', async () => {
    expect(await find()).to.equal('none');
    const pid = await start({ argv0: 'something-else' });
    expect(await find(pid)).to.equal('found');
    expect(looked).to.deep.equal([pid]);
    for (let i = 0; i < 10; i++) expect(await find(pid)).to.equal('found');
    expect(looked).to.deep.equal([pid]);
    expect(await find(1)).to.equal('others');
    expect(looked).to.deep.equal([pid, pid]);
  });

  it('takes neither what only calls itself so, nor what another user runs', async () => {
    await start({ argv0: name }, '/usr/bin/sleep');
    await start(findQemuAccount());
    expect(await find()).to.equal('none');
  });

  it('forgets what has ended, and finds what was started in its place', async () => {
    const pid = await start();
    expect(await find(pid)).to.equal('found');
    for (const child of children) await end(child);
    expect(await find(pid)).to.equal('none');
    expect(await find(await start())).to.equal('found');
  });

  it('goes on to know one whose executable was replaced', async () => {
    const pid = await start();
    rmSync(join(scratch.directory, name));
    expect(await find(pid)).to.equal('found');
  });

  it('remembers a few of one container, however many there are', async () => {
    const pids: number[] = [];
    for (let i = 0; i < 8; i++) pids.push(await start());
    const asked = new Set<number>();
    await processes.find((process) => {
      asked.add(process.pid);
      return false;
    });
    expect(asked.size).to.equal(4);
    expect(pids).to.include.members([...asked]);
  });

  it('walks once for all who ask meanwhile, and no more than once a second', async () => {
    await start();
    await find();
    looked.splice(0);
    const begin = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => find(1)));
    await Promise.all(Array.from({ length: 50 }, () => find(1)));
    expect(looked).to.have.lengthOf(2);
    expect(performance.now() - begin).to.be.greaterThan(1900);
  });
});
