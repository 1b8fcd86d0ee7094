import { expect } from 'chai';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeEmulator } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { readStatusFields, type ProcessIdentity } from '../support/processes.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { startFakePod, startSupervisedVm, type SupervisedVm } from '../support/supervised-vm.ts';

const IDLE_MS = 3000;

describe('the shim of a VM that runs', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let vm: SupervisedVm;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    pod = await startFakePod(scratch);
    vm = await startSupervisedVm(driver, pod);
  });
  after(async () => {
    vm.launch.stub.kill('SIGKILL');
    await scratch.close();
  });

  const countSwitches = ({ pid }: ProcessIdentity): number => {
    const fields = readStatusFields(pid);
    return Number(fields.get('voluntary_ctxt_switches')) + Number(fields.get('nonvoluntary_ctxt_switches'));
  };

  it('has at most 1 MiB of memory of its own, one thread and 10 fds', () => {
    const { pid } = vm.shim;
    const anonymous = /^Anonymous:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    expect(Number(anonymous), 'KiB').to.be.within(1, 1024);
    expect(readdirSync(`/proc/${pid}/task`)).to.have.lengthOf(1);
    const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(fds.length, fds.join(', ')).to.be.at.most(10);
  });

  it('does not wake up while nothing happens, and neither does the stub', async () => {
    // News of the start may still be on their way.
    await sleep(500);
    const stub = { pid: vm.launch.pid, startTime: '' };
    const before = [vm.shim, stub].map(countSwitches);
    await sleep(IDLE_MS);
    expect([vm.shim, stub].map(countSwitches)).to.deep.equal(before);
  });
});
