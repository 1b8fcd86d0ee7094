import { expect } from 'chai';
import { crashPoints } from '../../support/crash-point.ts';
import { CrashRig, SETTLE_MS } from '../../support/crash-rig.ts';
import type { FakeLaunch } from '../../support/fake-launch.ts';
import { isRunning, readProcess, signalProcess } from '../../support/processes.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const none = { counted: 0, watched: 0 };
const one = { counted: 1, watched: 1 };

/** Steps of a daemon that takes over a machine which has ended, and whether the one after it must tell of the end again. */
const steps = {
  fork: { 'exit-told': one, 'record-removed': none, 'shim-cgroups-removed': none, 'directory-removed': none },
  exec: { 'exit-told': one, 'record-removed': none, 'directory-removed': none },
} as const;

for (const mode of ['fork', 'exec'] as const)
  describe(`the end of a VM of ${mode} mode while no daemon runs`, function () {
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

    const endWithoutDaemon = async ({ stub, ended }: FakeLaunch): Promise<void> => {
      await rig.driver.end('SIGKILL');
      stub.kill('SIGTERM');
      expect(await ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    };
    const expectNothingLeft = async (): Promise<void> => {
      const isClean = (): true | undefined => (rig.launches.length === 0 ? true : undefined);
      await waitUntil('nothing of the launch is left', isClean, SETTLE_MS);
      expect(rig.pod.processes).to.deep.equal([rig.pod.pid]);
    };
    const restart = async (): Promise<void> => {
      await rig.driver.end('SIGKILL');
      await rig.driver.start(20);
    };

    it('is told once, by the next daemon', async () => {
      const { launch, launchId } = await rig.start();
      await endWithoutDaemon(launch);
      await rig.driver.start(20);
      expect(await rig.readEnds(launchId)).to.deep.equal(one);
      await expectNothingLeft();
      await restart();
      expect(await rig.readEnds(launchId)).to.deep.equal(none);
      expect(rig.countEnds(launchId)).to.equal(1);
    });

    for (const [step, again] of Object.entries(steps[mode]))
      it(`is told ${again.counted} times more where the next daemon is killed at ${step}`, async () => {
        const { launch, launchId } = await rig.start();
        await endWithoutDaemon(launch);
        rig.failpoints.set(step);
        const next = await rig.driver.spawn();
        await waitUntil(
          `the daemon stops at ${step}`,
          () => (!rig.failpoints.isSet(step) && readProcess(next.pid)?.state === 'T' ? true : undefined),
          SETTLE_MS,
          20,
        );
        await restart();
        expect(await rig.readEnds(launchId)).to.deep.equal(again);
        await expectNothingLeft();
        await restart();
        expect(await rig.readEnds(launchId)).to.deep.equal(none);
      });

    const isWorthIt = ({ name }: { readonly name: string }): boolean =>
      mode === 'exec' || name.startsWith('started-');
    for (const { name } of crashPoints.filter(
      (each) => each.mode === mode && each.outlivesDaemon && isWorthIt(each),
    ))
      it(`is told once by the second daemon after one that was killed at ${name}`, async () => {
        const stopped = await rig.bringTo({
          ...(crashPoints.find((each) => each.mode === mode && each.name === name) ?? expect.fail()),
        });
        const { launch, launchId = '' } = stopped;
        await rig.driver.end('SIGKILL');
        if (isRunning(stopped.stopped)) signalProcess(stopped.stopped, 'SIGCONT');
        await rig.driver.start(20);
        const runs = async (): Promise<true | undefined> =>
          (await rig.lacksToRun(stopped)).length === 0 ? true : undefined;
        await waitUntil('the next daemon knows it', runs, SETTLE_MS, 20);
        await endWithoutDaemon(launch);
        await rig.driver.start(20);
        expect(await rig.readEnds(launchId)).to.deep.equal(one);
        await expectNothingLeft();
        await restart();
        expect(await rig.readEnds(launchId)).to.deep.equal(none);
      });
  });
