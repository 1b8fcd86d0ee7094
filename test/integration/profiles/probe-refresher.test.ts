import { expect } from 'chai';
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  type BigIntStats,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../support/run-command.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ProfileBench } from './profile-bench.ts';

const stub = '/emulators/own/qemu-system-x86_64';
const other = '/emulators/plain/qemu-system-x86_64';
const bumped = 'Libvirt will probe a profile again: its local emulator changed';

describe('ProbeRefresher', function () {
  this.timeout(20_000);
  let bench: ProfileBench;
  const look = (path: string): BigIntStats => statSync(bench.at(path), { bigint: true });
  const bumps = (): readonly unknown[] =>
    bench.log.flatMap(({ message, fields }) => (message === bumped ? [fields?.['stub']] : []));
  const faults = (): readonly unknown[] =>
    bench.log.flatMap(({ message, fields }) =>
      message === 'Found a fault in a probe profile' ? [fields?.['problem']] : [],
    );
  /** Looks until there is nothing to do, and gives the stubs that were bumped meanwhile. */
  const settle = async (): Promise<readonly unknown[]> => {
    const before = bumps().length;
    for (let looks = 0; looks < 12; looks++) {
      await bench.refresher.refresh();
      await sleep(200);
    }
    return bumps().slice(before);
  };
  const expectBump = async (change: () => void): Promise<void> => {
    const before = look(stub);
    change();
    expect(await settle()).to.deep.equal([stub]);
    const after = look(stub);
    expect(Number(after.ctimeMs / 1000n)).to.be.greaterThan(Number(before.ctimeMs / 1000n));
    for (const key of ['mode', 'uid', 'gid', 'mtimeNs', 'size', 'ino'] as const)
      expect(after[key], key).to.equal(before[key]);
    expect(after.mode & 0o7777n).to.equal(0o4750n);
  };

  beforeEach(async () => {
    bench = new ProfileBench();
    // local -> the chain of an alternatives system -> a directory that is a link.
    bench.writeProgram('/opt/qemu-1/bin/qemu');
    bench.writeProgram('/opt/qemu-2/bin/qemu');
    symlinkSync('qemu-1', bench.at('/opt/qemu'));
    mkdirSync(bench.at('/etc'));
    symlinkSync('/opt/qemu/bin/qemu', bench.at('/etc/alternative'));
    for (const [path, local] of [
      [stub, '/etc/alternative'],
      [other, '../../usr/bin/other'],
    ] as const) {
      bench.writeProgram(path, 0o4750);
      symlinkSync(local, bench.at(`${path}/../local`));
    }
    bench.writeProgram('/usr/bin/other');
    await settle();
    bench.log.splice(0);
  });
  afterEach(() => bench.scratch.close());

  it('leaves the stubs alone as long as nothing changes', async () => {
    const before = [look(stub).ctimeNs, look(other).ctimeNs];
    expect(await settle()).to.deep.equal([]);
    await bench.newRefresher().refresh();
    expect([look(stub).ctimeNs, look(other).ctimeNs]).to.deep.equal(before);
    expect(bench.log).to.deep.equal([]);
  });

  it('an emulator that was replaced by rename', () =>
    expectBump(() => {
      bench.writeProgram('/opt/qemu-1/bin/new');
      renameSync(bench.at('/opt/qemu-1/bin/new'), bench.at('/opt/qemu-1/bin/qemu'));
    }));

  const links = ['/emulators/own/local', '/etc/alternative', '/opt/qemu'];
  for (const [index, target] of ['/opt/qemu-2/bin/qemu', '/opt/qemu-2/bin/qemu', 'qemu-2'].entries())
    it(`${links[index] ?? ''} that leads elsewhere now`, () =>
      expectBump(() => {
        symlinkSync(target, bench.at('/new'));
        renameSync(bench.at('/new'), bench.at(links[index] ?? ''));
      }));

  it('a directory that was exchanged while the daemon ran, with an emulator that is older than the stub', async () => {
    rmSync(bench.at('/opt/qemu'));
    renameSync(bench.at('/opt/qemu-1'), bench.at('/opt/qemu'));
    await settle();
    await expectBump(() => {
      renameSync(bench.at('/opt/qemu'), bench.at('/opt/qemu-1'));
      renameSync(bench.at('/opt/qemu-2'), bench.at('/opt/qemu'));
    });
  });

  it('a change while no daemon ran', async () => {
    bench.writeProgram('/opt/qemu-1/bin/qemu');
    await sleep(1100);
    const before = look(stub).ctimeNs;
    await bench.newRefresher().refresh();
    expect(bumps()).to.deep.equal([stub]);
    expect(Number(look(stub).ctimeNs - before)).to.be.greaterThan(0);
  });

  it('every copy in the directory, and not the wrapper that local leads to', async () => {
    bench.writeProgram('/emulators/own/qemu-system-i386', 0o4750);
    rmSync(bench.at('/emulators/own/local'));
    bench.writeProgram('/emulators/own/wrapper');
    symlinkSync('wrapper', bench.at('/emulators/own/local'));
    const { ctimeNs } = look('/emulators/own/wrapper');
    expect(await settle()).to.deep.equal(['/emulators/own/qemu-system-i386', stub]);
    expect(look('/emulators/own/wrapper').ctimeNs).to.equal(ctimeNs);
  });

  it('looks by itself until it is closed', async () => {
    const refresher = bench.newRefresher();
    await refresher.start();
    bench.writeProgram('/opt/qemu-1/bin/qemu');
    await waitUntil('it has bumped', () => (bumps().length > 0 ? true : undefined), 5000);
    refresher.close();
    bench.writeProgram('/opt/qemu-1/bin/qemu');
    await sleep(1500);
    expect(bumps()).to.deep.equal([stub]);
  });

  it('warns of a missing local, a link that leads nowhere and a ring, once each, and goes on', async () => {
    rmSync(bench.at('/emulators/own/local'));
    await settle();
    symlinkSync('/nowhere', bench.at('/emulators/own/local'));
    await settle();
    rmSync(bench.at('/emulators/own/local'));
    symlinkSync('local', bench.at('/emulators/own/local'));
    await settle();
    const fault = (code: string): string =>
      `there is no emulator behind "/emulators/own/local": ${code}; make "/emulators/own/local" a link to the ` +
      'emulator that answers probes';
    expect(faults()).to.deep.equal([fault('ENOENT'), fault('ELOOP')]);
    expect(bumps()).to.deep.equal([]);
    bench.writeProgram('/usr/bin/other');
    expect(await settle()).to.deep.equal([other]);
  });

  it('warns of a stub that it cannot touch, and goes on', async () => {
    const directory = bench.at('/emulators/own');
    await runCommand('mount', ['--bind', directory, directory]);
    bench.scratch.defer('unmount', async () => {
      await runCommand('umount', [directory]);
    });
    await runCommand('mount', ['-o', 'remount,bind,ro', directory]);
    bench.writeProgram('/opt/qemu-1/bin/qemu');
    bench.writeProgram('/usr/bin/other');
    expect(await settle()).to.deep.equal([other]);
    expect(faults()).to.have.lengthOf(1);
    expect(faults()[0]).to.match(
      /^libvirt can't be told that "\/opt\/qemu-1\/bin\/qemu" changed: .*EROFS.*; run "touch -a \/emulators\/own\/qemu/,
    );
    await runCommand('mount', ['-o', 'remount,bind,rw', directory]);
    expect(await settle()).to.deep.equal([stub]);
  });

  it('warns of settings for a profile that is not there', async () => {
    rmSync(bench.at('/emulators/own'), { recursive: true });
    await settle();
    expect(faults()).to.deep.equal([
      'profile "own" has settings but no stub; put a copy of the stub there, under the name of an emulator, or remove ' +
        'its settings',
    ]);
    expect(readFileSync(bench.at(other), 'utf8')).to.equal(other);
  });
});
