import { expect } from 'chai';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { viewHost } from '../../../daemon/host/host-view.ts';
import { movesProcess } from '../../../daemon/launch/moves-process.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { withFault } from '../../support/fault-injection.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { createWatchedApiClient } from '../../support/secret-watch/watched-api-client.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** The file that the daemon takes the lock by. */
function lockFile({ process: { pid } }: NodeDriver): string {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  const file = links.find((link) => link.endsWith('/cgroup.procs'));
  if (file === undefined) throw new Error('The daemon has no cgroup.procs open');
  return file;
}

/** How many launches have got as far as their record, after which come their cgroups. */
function countRecords({ runDirectory }: NodeDriver): number {
  return readdirSync(join(runDirectory, 'state')).length;
}

describe('a lock of the kernel that is long in coming', function () {
  this.timeout(60_000);
  let scratch: Scratch | undefined;
  let pod: Sandbox;
  let driver: NodeDriver;

  before(async function () {
    if (!movesProcess('fork', viewHost('/proc').hierarchies))
      skip(this, 'fork mode moves nobody on cgroup v2');
    scratch = Scratch.open('test');
    pod = await startSandbox(scratch, { vmUuid: 'locked', vmName: 'locked', mounts: [fakeEmulatorMount] });
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch?.close());

  const slow = (delay: string, action: () => Promise<void>): Promise<void> =>
    withFault(
      scratch ?? expect.fail('no scratch'),
      driver.process,
      `write:delay_enter=${delay}`,
      action,
      lockFile(driver),
    );

  /** A call that was slow is told of when it is over. */
  const readTraces = (): string =>
    readdirSync(scratch?.directory ?? '')
      .filter((name) => name.startsWith('strace-'))
      .map((name) => readFileSync(join(scratch?.directory ?? '', name), 'utf8'))
      .join('');

  it('is waited for by the launch alone, before it has made anything', async () => {
    const before = countRecords(driver);
    const client = createWatchedApiClient({ socketPath: driver.apiSocket });
    try {
      await slow('2s', async () => {
        const launch = launchFake(driver, pod, { args: ['wait'] });
        let answers = 0;
        while (countRecords(driver) === before) {
          await client.listMachines();
          answers++;
        }
        expect(readTraces()).to.include('DELAYED');
        // Of a daemon that waited itself there would be one.
        expect(answers).to.be.at.least(10);
        await launch.waitForLine('ready');
        launch.stub.kill('SIGTERM');
        await launch.ended;
      });
    } finally {
      client.close();
    }
  });

  it('is not waited for without end', async () => {
    await slow('8s', async () => {
      const launch = launchFake(driver, pod, { args: ['exit=0'] });
      expect((await launch.ended).status).to.not.equal(0);
      expect(launch.stderr).to.include('the kernel lets no process go to another cgroup');
    });
    await waitUntil(
      'the next one starts',
      async () => {
        const { status } = await launchFake(driver, pod, { args: ['exit=0'] }).ended;
        return status === 0 ? true : undefined;
      },
      20_000,
    );
  });
});
