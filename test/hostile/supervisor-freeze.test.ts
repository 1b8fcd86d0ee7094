import { expect } from 'chai';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchFake } from '../support/fake-launch.ts';
import { useFakePods } from '../support/fake-pods.ts';
import { isRunning } from '../support/processes.ts';
import { skip } from '../support/skip.ts';
import {
  expectNothingLeft,
  findCgroupFile,
  logLinesOf,
  startSupervisedVm,
} from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The shim's own limit for a launch, and some time to end it. */
const LAUNCH_MS = 12_000;
const KILLS = 6;

/** How a cgroup is frozen: in version 2 a process can still be killed, in version 1 only once it is thawed. */
const freezers = [
  { name: 'cgroup.freeze', freeze: '1', thaw: '0', dies: true },
  { name: 'freezer.state', freeze: 'FROZEN', thaw: 'THAWED', dies: false },
] as const;

describe('a pod that is frozen or killed as a whole', function () {
  this.timeout(90_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  const shared = useFakePods();

  for (const { name, freeze, thaw, dies } of freezers)
    describe(name, () => {
      let file: string | undefined;
      const set = (value: string): void => {
        if (file !== undefined) writeFileSync(file, value);
      };

      beforeEach(function () {
        file = findCgroupFile(shared.pod.cgroup, name);
        if (file === undefined) skip(this, `no cgroup has the file ${name}`);
      });
      // A frozen process of version 1 can't be removed.
      afterEach(() => set(thaw));

      it('during a start: it is given up in time, and nothing runs after the thaw', async () => {
        set(freeze);
        const launch = launchFake(shared.driver, shared.pod, { args: ['wait'] });
        const begin = performance.now();
        // Not its output's end: what is frozen holds that until the thaw.
        const [status] = (await once(launch.stub, 'exit')) as [number | null];
        expect(status).to.equal(125);
        expect(performance.now() - begin).to.be.lessThan(2 * LAUNCH_MS);
        // The shim's own deadline: those of stub and daemon are there in case that it hangs.
        expect(launch.stderr).to.match(
          /^qemu-kube: Cannot start the emulator: the pod did not let it start in time; .+\n$/,
        );
        set(thaw);
        await expectNothingLeft(shared.driver, shared.pod, LAUNCH_MS);
        const again = launchFake(shared.driver, shared.pod, { args: ['exit=42'] });
        expect((await again.ended).status, again.stderr).to.equal(42);
      });

      it('while a VM runs whose stub is killed: QEMU ends as soon as the kernel lets it', async () => {
        const { launch, emulator } = await startSupervisedVm(shared.driver, shared.pod, { args: ['deaf'] });
        set(freeze);
        launch.stub.kill('SIGKILL');
        if (!dies) {
          await sleep(500);
          set(thaw);
        }
        await waitUntil('QEMU has ended', () => (isRunning(emulator) ? undefined : true), LAUNCH_MS);
        await expectNothingLeft(shared.driver, shared.pod, LAUNCH_MS);
      });
    });

  const killAll = (): void => {
    const file = findCgroupFile(shared.pod.cgroup, 'cgroup.kill');
    if (file === undefined) throw new Error('no cgroup has the file cgroup.kill');
    writeFileSync(file, '1');
  };

  it('cgroup.kill while a VM runs: the stub ends by SIGKILL, and there is one record of it', async function () {
    if (findCgroupFile(shared.pod.cgroup, 'cgroup.kill') === undefined) skip(this, 'there is no cgroup.kill');
    const { launch } = await startSupervisedVm(shared.driver, shared.pod);
    killAll();
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    await expectNothingLeft(shared.driver, shared.pod);
    expect(logLinesOf(shared.driver, shared.pod, 'A VM ended')).to.have.lengthOf(1);
  });

  it('cgroup.kill while a VM is being stopped ends an emulator that is deaf, once', async function () {
    if (findCgroupFile(shared.pod.cgroup, 'cgroup.kill') === undefined) skip(this, 'there is no cgroup.kill');
    const { launch } = await startSupervisedVm(shared.driver, shared.pod, { args: ['deaf'] });
    launch.stub.kill('SIGTERM');
    killAll();
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    await expectNothingLeft(shared.driver, shared.pod);
    expect(logLinesOf(shared.driver, shared.pod, 'A VM ended')).to.have.lengthOf(1);
  });

  for (let kill = 0; kill < KILLS; kill++)
    it(`cgroup.kill ${kill * 15} ms after the start of a VM: it is refused or killed, and leaves nothing`, async function () {
      if (findCgroupFile(shared.pod.cgroup, 'cgroup.kill') === undefined)
        skip(this, 'there is no cgroup.kill');
      const launch = launchFake(shared.driver, shared.pod, { args: ['wait'] });
      await sleep(kill * 15);
      killAll();
      const { status, signal } = await launch.ended;
      if (signal === null) {
        expect(status).to.equal(125);
        expect(launch.stderr).to.match(/^qemu-kube: Cannot [^\n]+\n$/);
      } else expect(signal).to.equal('SIGKILL');
      await expectNothingLeft(shared.driver, shared.pod);
    });
});
