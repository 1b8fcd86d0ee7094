import { expect } from 'chai';
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeEmulator, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listDescendants, readArguments, readStatusFields, signalProcess } from '../support/processes.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { expectNothingLeft, logLinesOf, startFakePod, startSupervisedVm } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

const evil = ['env', '--ignore-signal', '--block-signal'];
/** Node sets its own signals and those of its children right: so the broker, and by it each shim, is tried by itself too. */
for (const who of ['daemon', 'broker'] as const)
  describe(`a ${who} that was started with all signals ignored and blocked`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, {
        settings: { emulator: fakeEmulator },
        ...(who === 'daemon' && {
          run: (command: readonly string[], log: string) =>
            scratch.startBackground('env', [...evil.slice(1), ...command], log),
        }),
      });
      if (who === 'broker') {
        await driver.end();
        const broker = join(scratch.directory, 'stub/qemu-kube-broker');
        renameSync(broker, `${broker}.real`);
        const as = evil.join(' ');
        const note = `${as} grep SigIgn: /proc/self/status > '${started()}'`;
        writeFileSync(broker, `#!/bin/sh\n${note}\nexec ${as} '${broker}.real' "$@"\n`);
        chmodSync(broker, 0o755);
        await driver.start();
      }
      pod = await startFakePod(scratch);
    });
    after(() => scratch.close());
    // A shim that knows no end of its QEMU would wait for ever, and its stub with it.
    afterEach(() => {
      for (const each of listDescendants(driver.process))
        if (readArguments(each.pid)[0] === 'qemu-kube-shim') signalProcess(each, 'SIGKILL');
    });

    const started = (): string => join(scratch.directory, 'started');
    const ignoresChildren = (status: string): boolean =>
      (BigInt(`0x${/[0-9a-f]{16}/.exec(status)?.[0] ?? '0'}`) & (1n << 16n)) !== 0n;

    /** How the stub ends, which it must do soon. */
    const endOf = (launch: FakeLaunch): Promise<Awaited<FakeLaunch['ended']>> =>
      Promise.race([
        launch.ended,
        sleep(10_000, undefined, { ref: false }).then(() => {
          throw new Error(`The stub has not ended: ${launch.stderr}`);
        }),
      ]);

    it('puts right what it was started with', () => {
      const real = listDescendants(driver.process).find(({ pid }) =>
        readArguments(pid)[0]?.endsWith('/qemu-kube-broker.real'),
      );
      if (who === 'broker') expect(ignoresChildren(readFileSync(started(), 'latin1'))).to.equal(true);
      const pid = who === 'daemon' ? driver.process.pid : (real?.pid ?? 0);
      expect(ignoresChildren(readStatusFields(pid).get('SigIgn') ?? '')).to.equal(false);
    });

    it('gives QEMU none of that', async () => {
      const { launch, emulator } = await startSupervisedVm(driver, pod);
      const status = readStatusFields(emulator.pid);
      signalProcess(emulator, 'SIGKILL');
      await endOf(launch);
      // All 64 of them: also those that musl and glibc keep for themselves.
      expect(status.get('SigIgn'), 'ignored').to.match(/^0+$/);
      expect(status.get('SigBlk'), 'blocked').to.match(/^0+$/);
      await expectNothingLeft(driver, pod);
    });

    /** Of one VM each, by what the daemon has logged. */
    const expectTold = async (end: string): Promise<void> => {
      const told = (): true | undefined =>
        logLinesOf(driver, pod, 'A VM ended').at(-1)?.includes(end) === true ? true : undefined;
      await waitUntil(`the daemon has told of ${end}`, told, 5000);
      await expectNothingLeft(driver, pod);
    };

    it('loses no status of a QEMU', async () => {
      const launch = launchFake(driver, pod, { args: ['exit=42'] });
      expect(await endOf(launch), launch.stderr).to.deep.equal({ status: 42, signal: null });
      await expectTold('kind="exit" value=42');
    });

    it('loses no signal of a QEMU', async () => {
      const { launch, emulator } = await startSupervisedVm(driver, pod);
      signalProcess(emulator, 'SIGKILL');
      expect(await endOf(launch)).to.deep.equal({ status: null, signal: 'SIGKILL' });
      await expectTold('kind="signal" value=9');
    });
  });
