import { expect } from 'chai';
import { type AttackerKind, type Loot } from '../support/entry-attackers.ts';
import { EntryRace, entryPoints } from '../support/entry-race.ts';
import { Scratch } from '../support/scratch.ts';

/** `npm run test:races` does more. */
const LAUNCHES = 200;
const kinds: readonly AttackerKind[] = ['qemu', 'root'];

describe('a process that enters a pod, whose PID namespace it joins, while the pod attacks it', function () {
  this.timeout(240_000);
  for (const isGuarded of [true, false])
    describe(isGuarded ? 'as it is' : 'where it may be traced as other processes may', () => {
      let scratch: Scratch;
      let race: EntryRace;
      before(async () => {
        scratch = Scratch.open('test');
        race = await EntryRace.open(scratch, isGuarded);
      });
      after(() => scratch.close());

      const expectNothing = (loots: readonly Loot[]): void => {
        for (const [index, { seen, early }] of loots.entries()) {
          expect(seen, `processes that ${kinds[index]} has seen entering`).to.be.greaterThan(0);
          expect(
            [...early].filter(([, count]) => count > 0),
            `what ${kinds[index]} got`,
          ).to.deep.equal([]);
        }
      };

      if (isGuarded) {
        for (const point of entryPoints)
          it(`gives nothing to QEMU's user and root while it is held at ${point}`, async () => {
            expectNothing(await race.hold(point, kinds));
          });
        it('gives nothing to them before it executes QEMU, in launch after launch', async () => {
          const loots = await race.run(LAUNCHES, kinds);
          expectNothing(loots);
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
