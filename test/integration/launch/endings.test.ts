import { expect } from 'chai';
import { constants } from 'node:os';
import { fakeEmulator, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { expectNothingLeft, logLinesOf, startFakePod } from '../../support/supervised-vm.ts';

/** At the same time. */
const VMS = 4;
const statuses = Array.from({ length: 256 }, (_, status) => status);
/** In exec mode QEMU is libvirt's own child, whose status no program of ours hands on. */
const fewStatuses: readonly number[] = [0, 1, 2, 42, 125, 126, 127, 128, 254, 255];
const { SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH } = constants.signals;
/** Those that end no process by themselves. */
const harmless: readonly number[] = [
  ...[SIGCHLD, SIGCONT, SIGURG, SIGWINCH],
  ...[SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU],
];
const signals = Array.from({ length: 31 }, (_, index) => index + 1).filter(
  (each) => !harmless.includes(each),
);

for (const mode of ['fork', 'exec'] as const)
  describe(`each way in which QEMU can end, in ${mode} mode`, function () {
    this.timeout(120_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    const pods: Sandbox[] = [];

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
      for (let count = 0; count < VMS; count++) pods.push(await startFakePod(scratch));
    });
    after(() => scratch.close());

    const countTold = (): number => pods.flatMap((pod) => logLinesOf(driver, pod, 'A VM ended')).length;
    /** What libvirt is told of each, by the argument that has the emulator end so. */
    const collectEnds = async (args: readonly string[]): Promise<Record<string, string>> => {
      const ends: Record<string, string> = {};
      const waiting = [...args];
      const play = async (pod: Sandbox): Promise<void> => {
        for (let arg = waiting.shift(); arg !== undefined; arg = waiting.shift()) {
          const { status, signal } = await launchFake(driver, pod, { args: [arg] }).ended;
          ends[arg] = signal === null ? `exit=${status ?? ''}` : `raise=${constants.signals[signal]}`;
        }
      };
      await Promise.all(pods.map(play));
      for (const pod of pods) await expectNothingLeft(driver, pod);
      return ends;
    };
    const expectEnds = async (args: readonly string[]): Promise<void> => {
      const before = countTold();
      expect(await collectEnds(args)).to.deep.equal(Object.fromEntries(args.map((arg) => [arg, arg])));
      const told = countTold() - before;
      // A QEMU of exec mode that ends before the daemon has looked at it was a start that failed.
      if (mode === 'fork') expect(told).to.equal(args.length);
      else expect(told).to.be.within(1, args.length);
    };

    it('reaches libvirt once where it is an exit status, for all of them', () =>
      expectEnds((mode === 'fork' ? statuses : fewStatuses).map((status) => `exit=${status}`)));

    it('reaches libvirt once where it is a signal, for all that end a process', () => {
      expect(signals).to.have.lengthOf(31 - harmless.length);
      return expectEnds(signals.map((signal) => `raise=${signal}`));
    });
  });
