import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { launchFake } from '../support/fake-launch.ts';
import { useFakePods } from '../support/fake-pods.ts';
import { skip } from '../support/skip.ts';
import {
  expectNothingLeft,
  findCgroupFile,
  logLinesOf,
  startSupervisedVm,
} from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

const LIMIT = 32 << 20;
/** MiB, well beyond the limit. */
const TOO_MUCH = 'allocate=256';

describe('a pod that runs out of memory', function () {
  this.timeout(60_000);
  const shared = useFakePods();

  const limitMemory = (): void => {
    const file =
      findCgroupFile(shared.pod.cgroup, 'memory.max') ??
      findCgroupFile(shared.pod.cgroup, 'memory.limit_in_bytes');
    if (file === undefined) throw new Error('There is no memory controller');
    writeFileSync(file, String(LIMIT));
  };
  const endOf = async (): Promise<string> => {
    const line = (): string | undefined => logLinesOf(shared.driver, shared.pod, 'A VM ended')[0];
    return waitUntil('the daemon tells of the end', line, 5000);
  };

  it('loses QEMU by SIGKILL, keeps the shim until it has told so, and the reason is "oom"', async () => {
    limitMemory();
    const launch = launchFake(shared.driver, shared.pod, { args: [TOO_MUCH, 'wait'] });
    expect(await launch.ended, launch.stderr).to.deep.equal({ status: null, signal: 'SIGKILL' });
    expect(await endOf())
      .to.include('oom')
      .and.match(/signal.*9/);
    await expectNothingLeft(shared.driver, shared.pod);
    const metrics = await (await fetch(`http://127.0.0.1:${shared.driver.httpPort}/metrics`)).text();
    expect(metrics).to.include('kubevirt_node_driver_machine_exits_total{reason="oom"} 1\n');
  });

  it('does so while no daemon runs, and the next one knows the reason', async () => {
    const { launch } = await startSupervisedVm(shared.driver, shared.pod, { args: ['swell=256'] });
    await shared.driver.end('SIGKILL');
    limitMemory();
    launch.stub.kill('SIGHUP');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    await shared.driver.start();
    await expectNothingLeft(shared.driver, shared.pod);
    expect(logLinesOf(shared.driver, shared.pod, 'A VM ended')).to.have.lengthOf(1);
    expect(await endOf()).to.include('oom');
  });

  it('a QEMU that somebody else kills has not run out of memory', async () => {
    limitMemory();
    const { launch, emulator } = await startSupervisedVm(shared.driver, shared.pod);
    process.kill(emulator.pid, 'SIGKILL');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    expect(await endOf()).to.not.include('oom');
    await expectNothingLeft(shared.driver, shared.pod);
  });

  it('with memory.oom.group, where all of the pod is killed at once, has the same reason', async function () {
    const group = findCgroupFile(shared.pod.cgroup, 'memory.oom.group');
    if (group === undefined) skip(this, 'the memory controller is not one of cgroup v2');
    writeFileSync(group, '1');
    limitMemory();
    const launch = launchFake(shared.driver, shared.pod, { args: [TOO_MUCH, 'wait'] });
    expect((await launch.ended).signal).to.equal('SIGKILL');
    expect(await endOf()).to.include('oom');
    await expectNothingLeft(shared.driver);
  });
});
