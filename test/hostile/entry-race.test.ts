import { expect } from 'chai';
import { attackerKinds, type AttackerKind, type Loot } from '../support/entry-attackers.ts';
import { EntryRace, insidePoints, outsidePoints } from '../support/entry-race.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { Scratch } from '../support/scratch.ts';

/** `npm run test:races` does more. */
const LAUNCHES = 200;
const kinds: readonly AttackerKind[] = ['qemu', 'root'];

/** Expects that each has seen something, and got nothing of it. */
function expectNothing(loots: readonly Loot[]): void {
  for (const [index, { seen, early }] of loots.entries()) {
    const kind = attackerKinds[index];
    expect(seen, `processes that ${kind} has seen entering`).to.be.greaterThan(0);
    expect(
      [...early].filter(([, count]) => count > 0),
      `what ${kind} got`,
    ).to.deep.equal([]);
  }
}

/** Launch after launch, and again where a busy machine let one of them see none in so many. */
async function runUntilSeen(race: EntryRace, kinds: readonly AttackerKind[]): Promise<readonly Loot[]> {
  for (let left = 3; ; left--) {
    const loots = await race.run(LAUNCHES, kinds);
    const got = loots.some(({ early }) => [...early.values()].some((count) => count > 0));
    if (got || left === 1 || loots.every(({ seen }) => seen > 0)) return loots;
  }
}

/** Expects that none has seen anything. */
function expectUnseen(loots: readonly Loot[]): void {
  expect(loots.map(({ seen }) => seen)).to.deep.equal(loots.map(() => 0));
}

describe('a process that enters a pod, whose PID namespace it joins, while the pod attacks it', function () {
  this.timeout(240_000);
  this.retries(0); // one success of the attacker is one too many
  for (const isGuarded of [true, false])
    describe(isGuarded ? 'as it is' : 'where it may be traced as other processes may', () => {
      let scratch: Scratch;
      let race: EntryRace;
      before(async () => {
        scratch = Scratch.open('test');
        race = await EntryRace.open(scratch, isGuarded);
      });
      after(() => scratch.close());

      if (isGuarded) {
        for (const point of outsidePoints)
          it(`is not in the pod's sight while it is held at ${point}`, async () => {
            expectUnseen(await race.hold(point, attackerKinds));
          });
        for (const point of insidePoints)
          it(`gives nothing to QEMU's user and root while it is held at ${point}`, async () => {
            expectNothing(await race.hold(point, kinds));
          });
        it('has nothing to lose to one that may trace, from its birth in there', async () => {
          const status = await race.look('born-inside');
          const { uid, gid } = findQemuAccount();
          const expected = { Uid: Array(4).fill(uid), Gid: Array(4).fill(gid) };
          for (const [name, ids] of Object.entries(expected))
            expect(status.get(name)).to.equal(ids.join('\t'));
          for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
            expect(status.get(set), set).to.match(/^0+$/);
          expect(status.get('NoNewPrivs')).to.equal('1');
          expect(status.get('NSpid')).to.match(/^\d+\t\d+$/);
        });
        it('gives nothing to them before it executes QEMU, in launch after launch', async () => {
          expectNothing(await runUntilSeen(race, kinds));
        });
      } else {
        it("gives everything to QEMU's user once it has its ids", async () => {
          const [loot] = await race.hold('before-exec', ['qemu']);
          const got = [...(loot?.early ?? [])].filter(([, count]) => count > 0).map(([name]) => name);
          expect(got).to.include.members(['seize', 'attach', 'process_vm_readv', 'mem', 'environ', 'fd']);
          expect(got).to.include.members(['exe', 'root', 'cwd', 'pidfd_getfd']);
        });
      }
    });
});

describe('a process that enters a pod with a user namespace, whose PID namespace it joins too', function () {
  this.timeout(240_000);
  this.retries(0); // one success of the attacker is one too many
  let scratch: Scratch;
  let race: EntryRace;
  before(async () => {
    scratch = Scratch.open('test');
    race = await EntryRace.open(scratch, true, 1_000_000);
  });
  after(() => scratch.close());

  for (const point of outsidePoints)
    it(`is not in that pod's sight while it is held at ${point}`, async () => {
      expectUnseen(await race.hold(point, attackerKinds));
    });
  for (const point of insidePoints)
    it(`gives nothing to a root of that namespace that may trace, while it is held at ${point}`, async () => {
      expectNothing(await race.hold(point, attackerKinds));
    });

  it('gives nothing to it before it executes QEMU, in launch after launch', async () => {
    expectNothing(await runUntilSeen(race, attackerKinds));
  });
});
