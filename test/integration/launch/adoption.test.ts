import { expect } from 'chai';
import { BusyNode } from '../../bench/busy-node.ts';
import { Scratch } from '../../support/scratch.ts';

const STAND_INS = 90;
const REAL = 10;
const ENDED = 5;

describe(`a daemon that finds ${STAND_INS + REAL} machines of an earlier one`, function () {
  this.timeout(300_000);
  let scratch: Scratch;

  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  it('knows each of them once, and tells once of those that ended meanwhile', async () => {
    const node = await BusyNode.start(scratch, { standIns: STAND_INS, real: REAL });
    await node.driver.end('SIGKILL');
    const ending = node.launches.slice(0, ENDED);
    for (const { stub } of ending) stub.kill('SIGTERM');
    await Promise.all(ending.map(({ ended }) => ended));
    await node.readopt(STAND_INS + REAL - ENDED);
    const machines = await node.listMachines();
    const running = machines.filter(({ state }) => state === 'MACHINE_STATE_RUNNING');
    expect(running.map(({ qemu }) => qemu?.pid).sort()).to.deep.equal([...node.emulators].sort());
    await node.driver.end('SIGKILL');
    await node.readopt(STAND_INS + REAL - ENDED);
    for (const { vmUuid } of node.pods.slice(0, ENDED))
      expect(
        node.driver.log.split('\n').filter((line) => line.includes('A VM ended') && line.includes(vmUuid)),
        vmUuid,
      ).to.have.lengthOf(1);
  });
});
