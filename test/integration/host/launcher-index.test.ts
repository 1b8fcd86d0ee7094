import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { LauncherIndex, type KnownLauncher } from '../../../daemon/host/launcher-index.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { LauncherScanner, type LauncherScan } from '../../../daemon/host/launcher-scanner.ts';
import type { Place } from '../../../daemon/host/process-places.ts';
import { Turns } from '../../../daemon/host/turns.ts';
import type { VmIdentity } from '../../../daemon/target/target.ts';
import { StandInLaunchers } from '../../support/stand-in-launchers.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Counts the walks of a real scanner. */
class CountingScanner {
  walks = 0;
  looks = 0;
  readonly #scanner = new LauncherScanner({
    libc: createLibc(),
    proc: '/proc',
    turns: new Turns(),
    containerOf: () => 'one',
  });

  scan(passOver?: ReadonlySet<number>): Promise<LauncherScan> {
    if (passOver === undefined) this.walks++;
    else this.looks++;
    return this.#scanner.scan(passOver);
  }
}

describe('LauncherIndex', function () {
  this.timeout(20_000);
  const launchers = new StandInLaunchers();
  let scanner: CountingScanner;
  let index: LauncherIndex;

  const open = (
    rescanIntervalMs = 3_600_000,
    placeOf = (pid: number): Place => ({ pod: 'one', container: String(pid), isInPod: true }),
  ): LauncherIndex =>
    new LauncherIndex({
      scanner,
      turns: new Turns(),
      placeOf,
      rescanIntervalMs,
      onError: (error) => {
        throw error;
      },
    });
  const pidsOf = (launchers: readonly KnownLauncher[]): readonly number[] => launchers.map(({ pid }) => pid);
  const known = (vm: VmIdentity): readonly number[] => pidsOf(index.known(vm));
  const found = async (vm: VmIdentity): Promise<readonly number[]> =>
    pidsOf((await index.search(vm)).matching);
  const launcher = (uuid: string, ...others: readonly string[]): Promise<number> =>
    launchers.start('virt-launcher', ['-kubevirt.vm.uuid', uuid, ...others]);

  beforeEach(() => {
    scanner = new CountingScanner();
    index = open();
  });
  afterEach(async () => {
    index.close();
    await launchers.endAll();
  });

  it('knows what a search has found, whatever that was for', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const pids = [await launcher(one), await launcher(other), await launcher(other)];
    expect(known({ uuid: one })).to.deep.equal([]);
    expect(await found({ uuid: one })).to.deep.equal([pids[0]]);
    expect(known({ uuid: other }).toSorted()).to.deep.equal(pids.slice(1).toSorted());
    expect(scanner.walks).to.equal(1);
  });

  it('tells VMs apart by all that it is told of them', async () => {
    const uuid = randomUUID();
    const pid = await launcher(uuid, '-kubevirt.vm.name', 'one');
    const unnumbered = await launchers.start('virt-launcher', ['-kubevirt.vm.name', `${uuid}-old`]);
    await index.update();
    expect(known({ uuid, name: 'one' })).to.deep.equal([pid]);
    expect(known({ uuid, name: 'two' })).to.deep.equal([]);
    expect(known({ uuid: 'any', name: `${uuid}-old` })).to.deep.equal([unnumbered]);
  });

  it('learns of new processes by an update, and does not look at the others again', async () => {
    await index.search({ uuid: 'any' });
    const uuid = randomUUID();
    const pid = await launcher(uuid);
    expect(known({ uuid })).to.deep.equal([]);
    await index.update();
    expect(known({ uuid })).to.deep.equal([pid]);
    expect([scanner.walks, scanner.looks]).to.deep.equal([1, 1]);
  });

  it('forgets those that have ended at the next search', async () => {
    const uuid = randomUUID();
    await launcher(uuid);
    await index.update();
    await launchers.endAll();
    await index.update();
    expect(known({ uuid })).to.have.lengthOf(1);
    await index.search({ uuid: 'any' });
    expect(known({ uuid })).to.deep.equal([]);
  });

  it('looks at all again and again until it is closed', async () => {
    index.close();
    index = open(1);
    index.start();
    const uuid = randomUUID();
    const pid = await launcher(uuid);
    await waitUntil('it is known', () => (known({ uuid }).includes(pid) ? true : undefined), 5000);
    index.close();
    const { walks } = scanner;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(scanner.walks).to.be.at.most(walks + 1);
  });

  it('keeps few of one container, so that it stays small, and finds the others by a search', async () => {
    const own = new Set<number>();
    // Others on this machine are not of that container.
    index = open(3_600_000, (pid) => ({
      pod: 'one',
      container: own.has(pid) ? 'one' : String(pid),
      isInPod: true,
    }));
    const uuid = randomUUID();
    for (let i = 0; i < 20; i++) own.add(await launcher(uuid));
    expect(await found({ uuid })).to.have.lengthOf(20);
    expect(known({ uuid })).to.have.lengthOf(16);
  });

  it('keeps nothing that no VM can be called', async () => {
    const uuid = 'x'.repeat(600);
    await launcher(uuid);
    await index.update();
    expect(known({ uuid })).to.deep.equal([]);
  });

  it('lets others wait for a look that is under way, and not where none is', async () => {
    const uuid = randomUUID();
    const pid = await launcher(uuid);
    expect(await index.settle()).to.equal(false);
    index.start();
    while (scanner.walks === 0) await Promise.resolve();
    expect(known({ uuid })).to.deep.equal([]);
    expect(await index.settle()).to.equal(true);
    expect(known({ uuid })).to.deep.equal([pid]);
    expect(await index.settle()).to.equal(false);
    expect([scanner.walks, scanner.looks]).to.deep.equal([1, 0]);
  });

  it('answers all who ask meanwhile by one more walk', async () => {
    const uuid = randomUUID();
    const pid = await launcher(uuid);
    const searches = await Promise.all(Array.from({ length: 300 }, () => index.search({ uuid })));
    for (const { matching } of searches) expect(pidsOf(matching)).to.deep.equal([pid]);
    expect(scanner.walks).to.equal(1);
  });

  it('does not let an update undo what a search finds at the same time', async () => {
    const uuid = randomUUID();
    const pid = await launcher(uuid);
    await Promise.all([index.update(), index.search({ uuid }), index.update()]);
    expect(known({ uuid })).to.deep.equal([pid]);
  });
});
