import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { inLibvirtPidNamespace } from '../../support/libvirt-pid-namespace.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { identify, isRunning, listProcesses, readArguments, readNamespace } from '../../support/processes.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('what an emulator leaves behind', function () {
  this.timeout(40_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let sandbox: Sandbox;
  let count = 0;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch.close());
  beforeEach(async () => {
    const vmUuid = `leftover-${++count}`;
    sandbox = await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount] });
  });
  afterEach(() => sandbox.remove());

  for (const [where, options] of [
    ["the node's PID namespace", {}],
    ['a PID namespace of libvirt', inLibvirtPidNamespace()],
  ] as const)
    for (const end of ['exit', 'stub killed', 'pod gone'] as const)
      it(`in ${where} ends with it, and what is the pod's stays: ${end}`, async () => {
        const own = await sandbox.execBackground(['sleep', '60']);
        const launch = launchFake(driver, sandbox, { args: ['leave', 'wait'], ...options });
        await launch.waitForLine('ready').catch((error: unknown) => {
          throw new Error(launch.stderr, { cause: error });
        });
        const ours = sandbox.processes.filter((pid) => ![sandbox.pid, own.pid].includes(pid)).map(identify);
        expect(ours).to.have.lengthOf(2);
        const stub = listProcesses().find(
          ({ pid }) =>
            readArguments(pid)[0] === driver.emulator && readArguments(pid)[2] === `guest=${sandbox.vmName}`,
        );
        if (stub === undefined) throw new Error('There is no stub');
        for (const { pid } of ours)
          expect(readNamespace(pid, 'pid')).to.equal(readNamespace(stub.pid, 'pid'));

        if (end === 'exit') process.kill(ours[0]?.pid ?? 0, 'SIGTERM');
        else if (end === 'stub killed') process.kill(stub.pid, 'SIGKILL');
        else await sandbox.kill('SIGKILL');
        await waitUntil('both have ended', () => (ours.some(isRunning) ? undefined : true), 5000);
        await waitUntil(
          'nothing of the launch is left',
          () => (readdirSync(join(driver.runDirectory, 'state')).length === 0 ? true : undefined),
          5000,
        );
        // The PID namespace stays otherwise.
        launch.stub.kill('SIGKILL');
        await launch.ended;
        if (end !== 'pod gone') expect(isRunning(own)).to.equal(true);
      });
});
