import { expect } from 'chai';
import { join } from 'node:path';
import { createLibc } from '../../../daemon/host/libc.ts';
import { MoveError, moveToCgroups, StrangerMoved } from '../../../daemon/host/move-to-cgroups.ts';
import { PinnedProcess } from '../../../daemon/host/pinned-process.ts';
import { listCgroupProcesses } from '../../support/cgroups.ts';
import { fixturesMount } from '../../support/hostile-fixtures.ts';
import { Nursery } from '../../support/nursery.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { TestCgroup } from '../../support/test-cgroup.ts';

/** Somebody else may be quicker to get a pid. */
const TRIES = 20;

describe('moveToCgroups()', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let nursery: Nursery;
  let cgroup: TestCgroup;

  before(async () => {
    scratch = Scratch.open('test');
    const pod = await startSandbox(scratch, {
      vmUuid: 'moved',
      vmName: 'moved',
      argv: ['pause'],
      mounts: [fixturesMount],
    });
    nursery = await Nursery.open(scratch, pod, ['/launcher/virt-launcher', 'virt-launcher']);
    cgroup = TestCgroup.make(scratch, 'moved');
  });
  after(() => scratch.close());

  const pin = (pid: number): PinnedProcess => PinnedProcess.open(createLibc(), '/proc', pid);
  const membersOf = (directory: string): readonly number[] => listCgroupProcesses(directory);
  /** Does something right before the pid is written, when the process was last seen alive. */
  const moveAfter = (moved: PinnedProcess, action: () => void, directories: readonly string[]): unknown => {
    let isDone = false;
    const hooked = {
      pid: moved.pid,
      isAlive: () => moved.isAlive(),
      assertAlive: () => {
        moved.assertAlive();
        if (!isDone) action();
        isDone = true;
      },
    };
    try {
      moveToCgroups(hooked, directories);
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it('moves a process in every hierarchy', () => {
    const pid = nursery.start();
    using moved = pin(pid);
    moveToCgroups(moved, cgroup.directories);
    for (const directory of cgroup.directories) expect(membersOf(directory)).to.deep.equal([pid]);
    nursery.kill(pid);
  });

  it('fails for one that has ended', () => {
    const pid = nursery.start();
    using moved = pin(pid);
    const [directory = ''] = cgroup.directories;
    const error = moveAfter(moved, () => nursery.kill(pid), [directory]);
    expect(error).to.be.instanceOf(MoveError).and.include({ directory, code: 'ESRCH' });
  });

  it('fails where there is no such cgroup', () => {
    const pid = nursery.start();
    using moved = pin(pid);
    const directory = join(cgroup.directories[0] ?? '', 'none');
    expect(moveAfter(moved, () => undefined, [directory])).to.include({ directory, code: 'ENOENT' });
    nursery.kill(pid);
  });

  it('tells of another process that has the pid when it is written', () => {
    const [directory = '', ...others] = cgroup.directories;
    for (let i = 0; i < TRIES; i++) {
      const pid = nursery.start();
      using moved = pin(pid);
      const reused: boolean[] = [];
      const swap = (): void => {
        nursery.kill(pid);
        reused.push(nursery.take(pid));
      };
      const error = moveAfter(moved, swap, [directory, ...others]);
      if (!reused.includes(true)) continue;
      expect(membersOf(directory)).to.deep.equal([pid]);
      for (const other of others) expect(membersOf(other)).to.deep.equal([]);
      expect(error).to.be.instanceOf(StrangerMoved);
      expect(String(error)).to.include(`process ${pid} belongs into ${directory}`);
      nursery.count();
      return;
    }
    expect.fail('no pid was reused');
  });
});
