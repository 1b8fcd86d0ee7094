import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LauncherScanner } from '../../../daemon/host/launcher-scanner.ts';
import { Turns } from '../../../daemon/host/turns.ts';
import { readArguments } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('LauncherScanner', function () {
  this.timeout(20_000);
  const children: ChildProcess[] = [];
  let scanner: LauncherScanner;

  beforeEach(() => {
    scanner = new LauncherScanner({ proc: '/proc', turns: new Turns(), containerOf: () => 'one' });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
  });

  const start = async (name: string, args: readonly string[]): Promise<number> => {
    const child = spawn(join(import.meta.dirname, '../../fixtures/build/virt-launcher'), args, {
      argv0: name,
      stdio: 'ignore',
    });
    children.push(child);
    const pid = child.pid ?? 0;
    await waitUntil('it runs', () => (readArguments(pid)[0] === name ? true : undefined), 5000);
    return pid;
  };

  it('finds a launcher by its uuid, whatever its directory, and nothing that only mentions it', async () => {
    const uuid = randomUUID();
    const own = await launcher('/usr/bin/virt-launcher', uuid);
    const monitor = await launcher('virt-launcher-monitor', uuid);
    await launcher('virt-launcher', randomUUID());
    await launcher('grep', uuid);
    await launcher('virt-launcher-x', uuid);
    const { matching } = await scanner.scan({ uuid });
    expect(matching.toSorted()).to.deep.equal([own, monitor].toSorted());
  });

  it('finds one with a long command line, as long as there are few in its container', async () => {
    const uuid = randomUUID();
    const pids: number[] = [];
    for (let i = 0; i < 6; i++) pids.push(await launcher('virt-launcher', uuid, [`--x=${'x'.repeat(5000)}`]));
    const { matching } = await scanner.scan({ uuid });
    expect(matching).to.have.lengthOf(4);
    expect(pids).to.include.members([...matching]);
  });

  it('reads no further than 64 KiB', async () => {
    const uuid = randomUUID();
    const padding = Array.from({ length: 20 }, () => `--x=${'-'.repeat(100_000)}`);
    await launcher('virt-launcher', uuid, padding);
    const { matching } = await scanner.scan({ uuid });
    expect(matching).to.deep.equal([]);
  });

  it('answers all who ask meanwhile by one more walk, and lets other work go on', async () => {
    const uuid = randomUUID();
    const own = await launcher('virt-launcher', uuid);
    const impatient = new LauncherScanner({ proc: '/proc', turns: new Turns(0), containerOf: () => 'one' });
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const scans = await Promise.all(Array.from({ length: 300 }, () => impatient.scan({ uuid })));
    isDone = true;
    for (const { matching } of scans) expect(matching).to.deep.equal([own]);
    expect(turns).to.be.greaterThan(0);
  });

  const launcher = (name: string, uuid: string, before: readonly string[] = []): Promise<number> =>
    start(name, [...before, '-kubevirt.vm.uuid', uuid]);
});
