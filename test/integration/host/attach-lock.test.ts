import { expect } from 'chai';
import { readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AttachLock } from '../../../daemon/host/attach-lock.ts';
import { parseCgroupMounts } from '../../../daemon/host/host-cgroups.ts';
import { waitUntil } from '../../support/wait-until.ts';

const hierarchies = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));

/** Its files that lead into a cgroup. */
function openCgroupFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith('/cgroup.procs');
    } catch {
      return false;
    }
  }).length;
}

describe('AttachLock', () => {
  it('takes the lock time after time, and leaves this process where it is', async () => {
    const before = readFileSync('/proc/self/cgroup', 'latin1');
    const lock = AttachLock.open(hierarchies, '');
    expect(openCgroupFiles()).to.equal(1);
    for (let i = 0; i < 20; i++) {
      const taken = lock.take();
      expect(lock.take()).to.equal(taken);
      await taken;
    }
    expect(readFileSync('/proc/self/cgroup', 'latin1')).to.equal(before);
    void lock.take();
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
    await waitUntil('its file is closed', () => (openCgroupFiles() === 0 ? true : undefined), 5000);
  });

  it('takes it no second time where that was done just now, and is free where nobody takes it', async () => {
    const lock = AttachLock.open(hierarchies, '');
    await lock.take();
    const fresh = lock.takeUnlessFresh();
    const again = lock.take();
    expect(again).to.not.equal(fresh);
    expect(lock.free()).to.equal(again);
    await again;
    expect(lock.free()).to.not.equal(again);
    await delay(20);
    const last = lock.takeUnlessFresh();
    expect(last).to.equal(lock.take());
    await last;
    lock[Symbol.dispose]();
  });

  it('does without where there is no cgroup to write to', async () => {
    const lock = AttachLock.open([], '');
    await lock.take();
    lock[Symbol.dispose]();
    expect(openCgroupFiles()).to.equal(0);
  });
});
