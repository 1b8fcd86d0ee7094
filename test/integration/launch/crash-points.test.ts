import { expect } from 'chai';
import { crashPoints, outcomeOf, type CrashPoint, type Victim } from '../../support/crash-point.ts';
import { CrashRig, SETTLE_MS, type Stopped } from '../../support/crash-rig.ts';
import { signalProcess } from '../../support/processes.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Kills it, has who stopped go on, and has a daemon run. */
async function kill(rig: CrashRig, victim: Victim | 'nobody', { stopped, present }: Stopped): Promise<void> {
  const process = victim === 'nobody' ? undefined : present.get(victim);
  if (victim === 'daemon') await rig.driver.end('SIGKILL');
  else if (process !== undefined) signalProcess(process, 'SIGKILL');
  signalProcess(stopped, 'SIGCONT');
  if (victim === 'daemon') await rig.driver.start(20);
}

async function expectEmpty(what: string, ask: () => Promise<readonly string[]>): Promise<void> {
  let seen: readonly string[] = [];
  const isEmpty = async (): Promise<true | undefined> => {
    seen = await ask();
    return seen.length === 0 ? true : undefined;
  };
  await waitUntil(what, isEmpty, SETTLE_MS, 20).catch((error: unknown) => {
    throw new Error(`${what}: ${seen.join(', ')}`, { cause: error });
  });
}

for (const mode of ['fork', 'exec'] as const)
  describe(`a launch of ${mode} mode that is stopped at each of its steps`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let rig: CrashRig;

    before(async () => {
      scratch = Scratch.open('test');
      rig = await CrashRig.open(scratch, mode);
    });
    after(() => scratch.close());
    afterEach(async function () {
      if (this.currentTest?.state === 'failed') await rig.reset();
    });

    const expectEnds = (point: CrashPoint, victim: Victim | 'nobody', { launchId }: Stopped): void => {
      if (launchId === undefined) return;
      const ends = rig.countEnds(launchId);
      if (!point.isKnown) expect(ends, 'ends that were told').to.be.at.most(1);
      else expect(ends, 'ends that were told').to.equal(point.isTold && victim === 'daemon' ? 2 : 1);
    };

    const check = async (point: CrashPoint, victim: Victim | 'nobody'): Promise<void> => {
      const stopped = await rig.bringTo(point);
      expect([...stopped.present.keys()], 'what there is').to.have.members([...point.present]);
      await kill(rig, victim, stopped);
      if (outcomeOf(point, victim) === 'running') {
        await expectEmpty('lacks to run', () => rig.lacksToRun(stopped));
        stopped.launch.stub.kill('SIGTERM');
        expect(await stopped.launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
        await expectEmpty('left of a VM that ended', () => rig.leftOf(stopped));
        expect(rig.countEnds(stopped.launchId ?? ''), 'ends that were told').to.equal(1);
      } else {
        await expectEmpty('left', () => rig.leftOf(stopped));
        expectEnds(point, victim, stopped);
      }
    };

    for (const point of crashPoints.filter((each) => each.mode === mode)) {
      const killed = point.isEnding ? point.present : (['nobody', ...point.present] as const);
      for (const victim of killed)
        it(`${point.name}, ${victim} killed: ${outcomeOf(point, victim)}`, () => check(point, victim));
    }
  });
