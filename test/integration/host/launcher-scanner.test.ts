import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { createLibc } from '../../../daemon/host/libc.ts';
import { LauncherScanner } from '../../../daemon/host/launcher-scanner.ts';
import { Turns } from '../../../daemon/host/turns.ts';
import { StandInLaunchers } from '../../support/stand-in-launchers.ts';

describe('LauncherScanner', function () {
  this.timeout(20_000);
  const launchers = new StandInLaunchers();
  const scanner = new LauncherScanner({
    libc: createLibc(),
    proc: '/proc',
    turns: new Turns(),
    containerOf: () => 'one',
  });

  afterEach(() => launchers.endAll());

  const find = async (uuid: string, passOver?: ReadonlySet<number>): Promise<readonly number[]> => {
    const scan = await scanner.scan(passOver);
    return scan.launchers.filter(({ commandLine }) => commandLine.uuid === uuid).map(({ pid }) => pid);
  };

  it('finds a launcher by its uuid, whatever its directory, and nothing that only mentions it', async () => {
    const uuid = randomUUID();
    const own = await launcher('/usr/bin/virt-launcher', uuid);
    const monitor = await launcher('virt-launcher-monitor', uuid);
    await launcher('virt-launcher', randomUUID());
    await launcher('grep', uuid);
    await launcher('virt-launcher-x', uuid);
    expect((await find(uuid)).toSorted()).to.deep.equal([own, monitor].toSorted());
  });

  it('finds one with a long command line, as long as there are few in its container', async () => {
    const uuid = randomUUID();
    const pids: number[] = [];
    for (let i = 0; i < 6; i++) pids.push(await launcher('virt-launcher', uuid, [`--x=${'x'.repeat(5000)}`]));
    const matching = await find(uuid);
    expect(matching).to.have.lengthOf(4);
    expect(pids).to.include.members([...matching]);
  });

  it('reads no further than 64 KiB', async () => {
    const uuid = randomUUID();
    const padding = Array.from({ length: 20 }, () => `--x=${'-'.repeat(100_000)}`);
    await launcher('virt-launcher', uuid, padding);
    const matching = await find(uuid);
    expect(matching).to.deep.equal([]);
  });

  it('passes over what it is told to, and lists it all the same', async () => {
    const uuid = randomUUID();
    const [old, young] = [await launcher('virt-launcher', uuid), await launcher('virt-launcher', uuid)];
    expect(await find(uuid, new Set([old]))).to.deep.equal([young]);
    expect((await scanner.scan(new Set([old]))).pids).to.include.members([old, young]);
  });

  it('lets other work go on', async () => {
    const impatient = new LauncherScanner({
      libc: createLibc(),
      proc: '/proc',
      turns: new Turns(0),
      containerOf: () => 'one',
    });
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const { pids } = await impatient.scan();
    isDone = true;
    // The clock is looked at once for 16 processes.
    expect(turns).to.be.at.least(Math.floor(pids.length / 16));
  });

  const launcher = (name: string, uuid: string, before: readonly string[] = []): Promise<number> =>
    launchers.start(name, [...before, '-kubevirt.vm.uuid', uuid]);
});
