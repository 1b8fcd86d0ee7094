import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { isRunning, signalProcess } from '../../support/processes.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const main = join(import.meta.dirname, '../../../daemon/main.ts');
const reason = 'another node-driver already does; stop it first, or set another \\"run-directory\\"';

describe('two daemons with one run directory', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch.close());

  it('the second one leaves, says why, and does no harm', async () => {
    const sandbox = await startSandbox(scratch, {
      vmUuid: 'two',
      vmName: 'two',
      mounts: [fakeEmulatorMount],
    });
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    await launch.waitForLine('ready');
    const second = await driver.run(['serve', '--config', driver.configPath], { allowFailure: true });
    expect(second.status).to.equal(1);
    expect(second.stderr).to.include(reason);
    expect(await driver.isReady()).to.equal(true);
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    const again = launchFake(driver, sandbox, { args: ['exit=7'] });
    expect((await again.ended).status).to.equal(7);
  });

  it('of two that start at once, one serves', async () => {
    await driver.end();
    const logs = ['one', 'other'].map((name) => join(scratch.directory, `${name}.log`));
    const args = [main, 'serve', '--config', driver.configPath];
    const daemons = await Promise.all(
      logs.map((log) => scratch.startBackground(process.execPath, args, log)),
    );
    try {
      await waitUntil('one has left', () => (daemons.every(isRunning) ? undefined : true), 20_000);
      await waitUntil('the other serves', async () => ((await driver.isReady()) ? true : undefined), 20_000);
      expect(daemons.filter(isRunning)).to.have.lengthOf(1);
      const loser = logs.filter(
        (_, index) => !daemons.filter(isRunning).includes(daemons[index] ?? expect.fail()),
      );
      expect(loser.map((log) => readFileSync(log, 'utf8')).join()).to.include(reason);
    } finally {
      for (const each of daemons) signalProcess(each, 'SIGTERM');
      await waitUntil('both have ended', () => (daemons.some(isRunning) ? undefined : true), 10_000);
    }
  });
});
