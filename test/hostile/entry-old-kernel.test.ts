import { expect } from 'chai';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  runBare,
  type FakeLaunch,
} from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';
import { replaceableSyscalls, withoutSyscalls, wrapBroker } from '../support/without-syscalls.ts';

const root = { uid: 0, gid: 0 };

for (const mode of ['fork', 'exec'] as const)
  for (const code of ['ENOSYS', 'EPERM'] as const)
    describe(`${mode} mode where openat2, clone3 and close_range end in ${code}`, function () {
      this.timeout(60_000);
      let scratch: Scratch;
      let sandbox: Sandbox;
      let driver: NodeDriver;
      let projected: string;

      before(async () => {
        scratch = Scratch.open('test');
        projected = join(scratch.directory, 'projected');
        mkdirSync(projected, { mode: 0o755 });
        sandbox = await startSandbox(scratch, {
          vmUuid: `old-${mode}-${code}`,
          vmName: 'old',
          mounts: [fakeEmulatorMount],
          readOnlyRoot: true,
        });
        driver = await startNodeDriver(scratch, {
          mode,
          settings: { emulator: fakeEmulator, project: projected },
        });
        await driver.end();
        wrapBroker(join(scratch.directory, 'stub'), code, replaceableSyscalls);
        await driver.start();
      });
      after(() => scratch.close());

      const launch = (...args: readonly string[]): FakeLaunch => {
        const { uid, gid } = findQemuAccount();
        const ids = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
        return launchFake(driver, sandbox, {
          args,
          directory: projected,
          user: root,
          through: [...withoutSyscalls(code, replaceableSyscalls), '/usr/bin/env', ...ids],
        });
      };

      it('the emulator starts as ever: its fds, its directory out of a projection, its exit status', async () => {
        const started = launch('exit=42');
        expect(await started.ended, started.stderr).to.deep.equal({ status: 42, signal: null });
        expect(started.texts('cwd')).to.deep.equal([projected]);
        const numbers = (of: FakeLaunch): readonly unknown[] =>
          of.facts('fd').map((fact) => fact.split(' ')[0]);
        const bare = runBare({});
        await bare.ended;
        expect(numbers(started)).to.deep.equal(numbers(bare));
        expect(started.facts('no_new_privs')).to.deep.equal(['1']);
      });

      it('it is in the cgroups and namespaces of the pod', async () => {
        const started = launch('wait');
        await started.waitForLine('ready');
        const pid = sandbox.processes.find((each) => each !== sandbox.pid) ?? 0;
        const read = (of: number): string => readFileSync(`/proc/${of}/cgroup`, 'latin1');
        expect(read(pid)).to.equal(read(sandbox.pid));
        started.stub.kill('SIGTERM');
        await started.ended;
        await waitUntil('it has ended', () => (sandbox.processes.length === 1 ? true : undefined), 5000);
      });

      it('a wrong secret is refused, so the right one was read', async () => {
        const { vmUuid, vmName } = sandbox;
        const refused = launchFake(driver, { vmUuid, vmName, secret: 'wrong' });
        expect((await refused.ended).status).to.equal(125);
        expect(refused.stderr).to.include('Cannot accept the secret');
      });
    });

describe('a daemon without pidfds', function () {
  this.timeout(60_000);
  for (const name of ['pidfd_open', 'pidfd_send_signal'])
    for (const code of ['ENOSYS', 'EPERM'] as const)
      it(`does not serve where ${name} ends in ${code}, and says what to do`, async () => {
        const main = join(import.meta.dirname, '../../daemon/main.ts');
        const words = [...withoutSyscalls(code, [name]), process.execPath, main, 'serve'];
        const { status, stdout, stderr } = await runCommand('env', words, { allowFailure: true });
        expect(status).to.equal(1);
        expect(stdout + stderr)
          .to.include('Cannot pin processes')
          .and.include(code)
          .and.include('Linux 5.3');
      });
});
