import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { StubCrowd } from '../support/stub-crowd.ts';
import type { TestCgroup } from '../support/test-cgroup.ts';
import { waitUntil } from '../support/wait-until.ts';

const STUBS = 1000;
const LAUNCHES = 5;
const account = findQemuAccount();
/** May execute the stub as well, which is setuid root: its real ids are all that tells it from others. */
const hostileUid = account.uid + 1;
const TOO_OFTEN =
  'qemu-kube: Cannot take another request now: this user calls too often; start the VM again in a moment';

interface AuditLine {
  readonly event: string;
  readonly decision: string;
  readonly code: string | null;
  readonly caller: { readonly uid: number } | null;
}

describe('an honest start among very many stubs of a hostile user', function () {
  this.timeout(300_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let cgroup: TestCgroup;
  let audit: string;

  before(async () => {
    scratch = Scratch.open('test');
    audit = join(scratch.directory, 'audit.log');
    driver = await startNodeDriver(scratch, { settings: settings() });
    pod = await startSandbox(scratch, { vmUuid: 'crowded', vmName: 'crowded', mounts: [fakeEmulatorMount] });
    cgroup = StubCrowd.makeCgroup(scratch);
  });
  after(() => scratch.close());

  const settings = (more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
    emulator: fakeEmulator,
    'launch-users': `${account.uid}, ${hostileUid}`,
    'audit-log': audit,
    'secret-lifetime': '24h',
    // Half a core may not start as many stubs a second as are let in by default.
    'launch-rate': '20',
    ...more,
  });
  const auditOf = (uid: number): readonly AuditLine[] =>
    readFileSync(audit, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AuditLine)
      .filter(({ caller }) => caller?.uid === uid);

  it(`succeeds beside ${STUBS} of them, whose user is refused for calling too often`, async () => {
    const crowd = await StubCrowd.gather(scratch, driver, { uid: hostileUid, size: STUBS, vm: pod, cgroup });
    try {
      crowd.go();
      await waitUntil('they are felt', () => (crowd.said.includes(TOO_OFTEN) ? true : undefined), 60_000);
      for (let count = 0; count < LAUNCHES; count++) {
        const launch = launchFake(driver, pod, { args: ['exit=7'] });
        const { status } = await launch.ended;
        expect(`${status ?? 'signal'} ${launch.stderr}`).to.equal('7 ');
        expect(crowd.count, 'processes of the crowd').to.be.at.least(STUBS);
      }
    } finally {
      await crowd.stop();
    }
    const { said } = crowd;
    expect(said.length).to.be.at.least(STUBS);
    expect(said.filter((line) => !/^qemu-kube: Cannot [^;]+(; .+)?$/.test(line))).to.deep.equal([]);
    const honest = auditOf(account.uid);
    expect(honest.filter(({ decision }) => decision === 'refused')).to.deep.equal([]);
    expect(honest.filter(({ event }) => event === 'launch')).to.have.lengthOf(LAUNCHES);
    const codes = new Set(auditOf(hostileUid).map(({ decision, code }) => `${decision} ${code ?? ''}`));
    expect([...codes]).to.include('refused busy');
    expect([...codes].filter((each) => each.startsWith('allowed'))).to.deep.equal([]);
  });

  it('is told from them by its real uid alone, in the same cgroups', async () => {
    await driver.end();
    driver.configure(settings({ 'launch-rate': '1' }));
    await driver.start();
    const start = async (uid: number): Promise<string> => {
      const ids = [`--reuid=${uid}`, `--regid=${account.gid}`, '--clear-groups', '--'];
      const through = cgroup.around(['setpriv', ...ids]);
      const launch = launchFake(driver, pod, { args: ['exit=7'], user: { uid: 0, gid: 0 }, through });
      const { status } = await launch.ended;
      return `${status ?? 'signal'} ${launch.stderr.trim()}`;
    };
    // A burst of four, and one a second.
    const hostile = await Promise.all(Array.from({ length: 40 }, () => start(hostileUid)));
    expect(hostile.filter((each) => each === `125 ${TOO_OFTEN}`)).to.have.lengthOf.at.least(1);
    expect(await start(account.uid)).to.equal('7 ');
  });
});
