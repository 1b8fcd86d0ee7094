import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { StubCrowd } from '../support/stub-crowd.ts';
import { TestCgroup } from '../support/test-cgroup.ts';
import { waitUntil } from '../support/wait-until.ts';

/** At any time. */
const STUBS = 8;
const HONEST_STARTS = 3;
/** That come at once, and share half a core. */
const CROWD = 1000;
const account = findQemuAccount();
/** May execute the stub as well, which is setuid root: its real ids are all that tells it from others. */
const hostileUid = account.uid + 1;
const TOO_OFTEN =
  'qemu-kube: Cannot take another request now: this user calls too often; start the VM again in a moment';

describe('an honest start among many stubs of a hostile user', function () {
  this.timeout(180_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let cgroup: TestCgroup;
  let audit: string;

  before(async () => {
    scratch = Scratch.open('test');
    audit = join(scratch.directory, 'audit.log');
    driver = await startNodeDriver(scratch, {
      settings: {
        emulator: fakeEmulator,
        'launch-users': `${account.uid}, ${hostileUid}`,
        'launch-rate': '1',
        'audit-log': audit,
      },
    });
    pod = await startSandbox(scratch, { vmUuid: 'crowded', vmName: 'crowded', mounts: [fakeEmulatorMount] });
    cgroup = TestCgroup.make(scratch, 'crowd');
  });
  after(() => scratch.close());

  const start = async (uid: number, environment = {}): Promise<string> => {
    const ids = [`--reuid=${uid}`, `--regid=${account.gid}`, '--clear-groups', '--'];
    const through = cgroup.around(['setpriv', ...ids]);
    const launch = launchFake(driver, pod, {
      args: ['exit=7'],
      user: { uid: 0, gid: 0 },
      through,
      environment,
    });
    const { status } = await launch.ended;
    return `${status ?? 'signal'} ${launch.stderr.trim()}`;
  };
  const refusalsOf = (uid: number): readonly unknown[] =>
    readFileSync(audit, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { decision: string; code: string; caller: { uid: number } | null })
      .filter(({ caller, decision }) => caller?.uid === uid && decision === 'refused')
      .map(({ code }) => code);

  it('is told from them by its real uid alone, in the same cgroups', async () => {
    const answers: string[] = [];
    let isOver = false;
    const crowd = Array.from({ length: STUBS }, async () => {
      while (!isOver) answers.push(await start(hostileUid, { KUBEVIRT_IO_SECRET: 'guessed' }));
    });
    const honest: string[] = [];
    try {
      const isFelt = (): true | undefined => (answers.includes(`125 ${TOO_OFTEN}`) ? true : undefined);
      await waitUntil('there are too many of them', isFelt, 20_000);
      for (let count = 0; count < HONEST_STARTS; count++) honest.push(await start(account.uid));
    } finally {
      isOver = true;
      await Promise.all(crowd);
    }
    expect(honest).to.deep.equal(Array.from({ length: HONEST_STARTS }, () => '7 '));
    expect(refusalsOf(account.uid)).to.deep.equal([]);
  });

  it(`goes through ${CROWD} of them at once, each of which comes again as soon as it was refused`, async () => {
    const crowd = await StubCrowd.gather(scratch, driver, {
      uid: hostileUid,
      size: CROWD,
      vm: pod,
      cgroup: StubCrowd.makeCgroup(scratch, 'thousand'),
    });
    const honest: string[] = [];
    try {
      crowd.go();
      const isFelt = (): true | undefined => (crowd.said.includes(TOO_OFTEN) ? true : undefined);
      await waitUntil('there are too many of them', isFelt, 60_000);
      for (let count = 0; count < HONEST_STARTS; count++) {
        const launch = launchFake(driver, pod, { args: ['exit=7'] });
        const { status } = await launch.ended;
        honest.push(`${status ?? 'signal'} ${launch.stderr.trim()}`);
      }
      expect(crowd.count).to.be.at.least(CROWD);
    } finally {
      await crowd.stop();
    }
    expect(honest).to.deep.equal(Array.from({ length: HONEST_STARTS }, () => '7 '));
    expect(refusalsOf(account.uid)).to.deep.equal([]);
  });
});
