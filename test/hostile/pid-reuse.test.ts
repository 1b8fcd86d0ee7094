import { expect } from 'chai';
import { ReuseRig, reuseSteps, type ReuseRound } from '../support/reuse-rig.ts';
import { Scratch } from '../support/scratch.ts';

/** Of each step; `npm run test:races` does more. */
const ROUNDS = 50;
const UNGUARDED_ROUNDS = 5;

describe('a launcher that ends, and whose pid becomes that of a process of another pod', function () {
  this.timeout(240_000);
  this.retries(0); // one success of the attacker is one too many
  for (const isPinned of [true, false])
    describe(isPinned ? 'with processes pinned' : 'with processes known by their pids alone', () => {
      let scratch: Scratch;
      let rig: ReuseRig;
      before(async () => {
        scratch = Scratch.open('test');
        rig = await ReuseRig.open(scratch, isPinned);
      });
      after(() => scratch.close());

      /** Those of so many rounds in which the pid was reused. */
      const play = async (
        rounds: number,
        round: () => Promise<ReuseRound>,
      ): Promise<readonly ReuseRound[]> => {
        const played: ReuseRound[] = [];
        for (let tries = 0; played.length < rounds && tries < 2 * rounds; tries++) {
          const result = await round();
          if (result.isReused) played.push(result);
        }
        expect(played.length, 'pids that were reused').to.equal(rounds);
        return played;
      };

      it('starts the VM as long as nobody ends', async () => {
        expect((await rig.launch()).answer).to.equal('started');
      });

      if (isPinned) {
        for (const step of reuseSteps)
          it(`${step}: the other process is not entered, read or signalled`, async () => {
            for (const round of await play(ROUNDS, () => rig.launch(step))) {
              expect(round.answer).to.match(/^qemu-kube: Cannot /);
              // Not only the shim sees it: what was read of a process that has ended is not believed.
              if (step === 'after its secret was read') expect(round.answer).to.include('ended meanwhile');
              expect(round).to.include({ isEntered: false, isRead: false, signals: 0 });
            }
          });
        it('when it is signalled: the other process gets nothing', async () => {
          for (const { signals } of await play(ROUNDS, () => Promise.resolve(rig.signal())))
            expect(signals).to.equal(0);
        });
      } else {
        for (const step of reuseSteps)
          it(`${step}: the other process is entered`, async () => {
            for (const { isEntered } of await play(UNGUARDED_ROUNDS, () => rig.launch(step)))
              expect(isEntered).to.equal(true);
          });
        it('when it is signalled: the other process gets the signal', async () => {
          for (const { signals } of await play(UNGUARDED_ROUNDS, () => Promise.resolve(rig.signal())))
            expect(signals).to.equal(1);
        });
      }
    });
});
