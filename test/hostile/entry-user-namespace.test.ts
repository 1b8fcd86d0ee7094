import { expect } from 'chai';
import { fakeEmulator, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver } from '../support/node-driver.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';

for (const mode of ['fork', 'exec'] as const)
  describe(`a pod with a user namespace, in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    beforeEach(() => {
      scratch = Scratch.open('test');
    });
    afterEach(() => scratch.close());

    it('is refused once its secret was read, and never entered with ids of the node', async () => {
      const sandbox = await startSandbox(scratch, {
        vmUuid: `userns-${mode}`,
        vmName: 'userns',
        firstUserId: 1_000_000,
      });
      const driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
      const launch = launchFake(driver, sandbox, { args: ['exit=42'] });
      expect((await launch.ended).status).to.equal(125);
      expect(launch.stderr).to.match(
        /^qemu-kube\S*: Cannot enter the pod: it has a user namespace of its own, .*; let the pod .*hostUsers: true.*\n$/,
      );
      expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    });
  });
