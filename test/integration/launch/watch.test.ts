import { spawn, type ChildProcess } from 'node:child_process';
import { expect } from 'chai';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { hearChild } from '../../support/secret-watch/hear-output.ts';
import { waitUntil } from '../../support/wait-until.ts';

const main = join(import.meta.dirname, '../../../daemon/main.ts');

for (const mode of ['fork', 'exec'] as const)
  describe(`machines watch and signal in ${mode} mode`, function () {
    this.timeout(40_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;
    let watch: ChildProcess;
    let output = '';
    let count = 0;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());
    beforeEach(async () => {
      const vmUuid = `watch-${++count}`;
      sandbox = await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount] });
      output = '';
      const args = [main, 'machines', 'watch', '--json', '--socket', driver.apiSocket];
      watch = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      hearChild(watch, args);
      watch.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
      await waitForEvents('synced');
    });
    afterEach(async () => {
      watch.kill('SIGKILL');
      await sandbox.remove();
    });

    /** What the watch has told of this test's VM, e.g. `changed running`, and what it told of itself. */
    const events = (): readonly string[] =>
      output.split('\n').flatMap((line) => {
        const type = /^\{"type":"([a-z]+)"/u.exec(line)?.[1] ?? '';
        if (!line.includes('"machine":')) return type;
        const state = /"state":"([a-z]+)"/u.exec(line)?.[1] ?? '';
        return line.includes(`"${sandbox.vmUuid}"`) ? [`${type} ${state}`] : [];
      });
    const waitForEvents = (...wanted: readonly string[]): Promise<true> =>
      waitUntil(
        `the watch has told "${wanted.join(', ')}"`,
        () => (wanted.every((each) => events().includes(each)) ? true : undefined),
        10_000,
      );
    const launchId = (): string => {
      const line = output.split('\n').find((each) => each.includes(`"${sandbox.vmUuid}"`)) ?? '';
      return /"launchID":"([^"]+)"/u.exec(line)?.[1] ?? '';
    };
    const signal = (...args: readonly string[]): ReturnType<NodeDriver['run']> =>
      driver.run(['machines', 'signal', ...args, '--socket', driver.apiSocket], { allowFailure: true });

    it('a watch sees a VM start and end, and TERM by its launch id ends it', async () => {
      const launch = launchFake(driver, sandbox, { args: ['wait'] });
      await launch.waitForLine('ready');
      await waitForEvents('added starting', 'changed running');
      expect(await signal(launchId(), 'TERM')).to.include({ status: 0, stdout: '', stderr: '' });
      expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      await waitForEvents('changed exited');
      expect(output).to.match(/"exit":\{"signal":15,"reason":"qemu"/u);
      const again = await signal(launchId(), 'TERM');
      expect(again.status).to.equal(1);
      expect(again.stderr).to.include('its QEMU has ended');
    });

    for (const end of ['SIGKILL', 'SIGTERM'] as const)
      it(`a watch goes on over a daemon that ends by ${end}, and the next daemon signals the VM`, async () => {
        const launch = launchFake(driver, sandbox, { args: ['wait'] });
        await launch.waitForLine('ready');
        await waitForEvents('changed running');
        const id = launchId();
        await driver.end(end);
        await waitForEvents('interrupted');
        const before = output.length;
        await driver.start();
        await waitUntil(
          'the VM is listed again',
          () => (output.slice(before).includes('"synced"') ? true : undefined),
          10_000,
        );
        // The list of the next daemon was never without it.
        expect(events().slice(events().lastIndexOf('interrupted'))).to.deep.equal([
          'interrupted',
          'existing running',
          'synced',
          '',
        ]);
        expect(await signal(id, 'HUP')).to.include({ status: 0 });
        await launch.waitForLine('signal 01');
        expect(await signal(id, '9')).to.include({ status: 0 });
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
        await waitForEvents('changed exited');
      });
  });
