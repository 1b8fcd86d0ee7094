import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { fakeEmulator, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { identify } from '../support/processes.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import {
  expectNothingLeft,
  findCgroupFile,
  logLinesOf,
  readShimCgroup,
  startFakePod,
} from '../support/supervised-vm.ts';
import { TestCgroup } from '../support/test-cgroup.ts';

const MIB = 2 ** 20;
/** Touched before the first line of the emulator's main(). */
const EARLY_MIB = 16;
const environment = { EARLY_MIB: String(EARLY_MIB) };

/** Bytes of anonymous memory that a cgroup is charged for, or undefined where no memory controller counts. */
function readAnonymous(cgroup: string): number | undefined {
  const file = findCgroupFile(cgroup, 'memory.stat');
  const text = file === undefined ? '' : readFileSync(file, 'latin1');
  const bytes = /^(?:rss|anon) (\d+)$/m.exec(text)?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}

/** The most that a cgroup has ever been charged for. */
function readPeak(cgroup: string): number {
  const file =
    findCgroupFile(cgroup, 'memory.max_usage_in_bytes') ??
    findCgroupFile(cgroup, 'memory.peak') ??
    '/dev/null';
  return Number(readFileSync(file, 'latin1'));
}

for (const mode of ['fork', 'exec'] as const)
  describe(`the first memory that QEMU touches, in ${mode} mode`, function () {
    this.timeout(60_000);
    this.retries(0); // what goes wrong at one moment of many is what is looked for
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;

    before(async function () {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
      pod = await startFakePod(scratch);
      if (readAnonymous(pod.cgroup) === undefined) skip(this, 'no memory controller counts for the pod');
    });
    after(() => scratch.close());

    it('is charged to the pod, and to nothing else', async () => {
      const account = findQemuAccount();
      const libvirts = TestCgroup.make(scratch, 'libvirt');
      const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
      const before = readAnonymous(pod.cgroup) ?? 0;
      const launch = launchFake(driver, pod, {
        args: ['wait'],
        environment,
        user: { uid: 0, gid: 0 },
        through: libvirts.around(['setpriv', ...ids, '--']),
      });
      await launch.waitForLine('ready').catch((error: unknown) => {
        throw new Error(launch.stderr, { cause: error });
      });
      const growth = (readAnonymous(pod.cgroup) ?? 0) - before;
      // Where the kernel counts in batches, a few pages are not to be seen yet.
      expect(growth / MIB).to.be.within(EARLY_MIB - 1, EARLY_MIB + 4);
      expect((readAnonymous(libvirts.path) ?? 0) / MIB, "of libvirt's cgroup").to.be.lessThan(2);
      expect(readPeak(libvirts.path) / MIB, "peak of libvirt's cgroup").to.be.within(0.01, EARLY_MIB / 2);
      if (mode === 'fork') {
        const [, parent = ''] = launch.facts('pid')[0]?.split(' ') ?? [];
        const shims = readShimCgroup(identify(Number(parent)));
        expect(readPeak(shims) / MIB, "peak of the shim's cgroup").to.be.within(0.01, EARLY_MIB / 2);
      }
      launch.stub.kill('SIGTERM');
      await launch.ended;
      await expectNothingLeft(driver, pod);
    });

    it("has to fit into the pod's limit", async function () {
      const limit =
        findCgroupFile(pod.cgroup, 'memory.limit_in_bytes') ??
        findCgroupFile(pod.cgroup, 'memory.max') ??
        skip(this, 'the pod can have no limit');
      writeFileSync(limit, String((readAnonymous(pod.cgroup) ?? 0) + (EARLY_MIB / 2) * MIB));
      try {
        const launch = launchFake(driver, pod, { args: ['wait'], environment });
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
        expect(launch.report).to.deep.equal([]);
        await expectNothingLeft(driver, pod);
        if (mode === 'fork')
          expect(
            logLinesOf(driver, pod, 'A VM ended').map((line) => /reason="?(\w+)/.exec(line)?.[1]),
          ).to.include('oom');
      } finally {
        writeFileSync(limit, '-1');
      }
    });
  });
