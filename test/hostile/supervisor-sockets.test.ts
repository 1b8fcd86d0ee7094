import { expect } from 'chai';
import { chmodSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { useFakePods } from '../support/fake-pods.ts';
import { isRunning, signalProcess } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand } from '../support/run-command.ts';
import { expectNothingLeft, logLinesOf, startSupervisedVm } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

const greet =
  'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die "$!\\n";' +
  'syswrite(S, "signal 9\\n"); sysread(S, $text, 100); print $text';

describe('the sockets of a shim, and signals from all sides', function () {
  this.timeout(60_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  const account = findQemuAccount();
  const shared = useFakePods();

  const connect = async (path: string, uid: number): Promise<string> => {
    const ids = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    const result = await runCommand('setpriv', [...ids, 'perl', '-e', greet, path], { allowFailure: true });
    return result.stdout + result.stderr;
  };

  it('shim.sock answers root alone, by its mode and by who asks', async () => {
    const { launch, emulator } = await startSupervisedVm(shared.driver, shared.pod);
    const state = join(shared.driver.runDirectory, 'state');
    const [launchId = ''] = readdirSync(state);
    const socket = join(state, launchId, 'shim.sock');
    expect(statSync(socket).mode & 0o777).to.equal(0o600);
    expect(statSync(state).mode & 0o777).to.equal(0o700);
    expect(await connect(socket, account.uid)).to.equal('Permission denied\n');
    try {
      for (const path of [state, join(state, launchId), socket]) chmodSync(path, 0o777);
      expect(await connect(socket, account.uid)).to.equal('');
      expect(isRunning(emulator)).to.equal(true);
    } finally {
      chmodSync(state, 0o700);
    }
    expect(await connect(socket, 0)).to.match(/^shim 1 \d+ \d+\n/);
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    await expectNothingLeft(shared.driver, shared.pod);
  });

  it('nothing of ours is in the abstract namespace, where no file mode protects it', async () => {
    const list = (): readonly string[] =>
      readFileSync('/proc/net/unix', 'utf8')
        .split('\n')
        .flatMap((line) => / (@\S*)$/.exec(line)?.[1] ?? [])
        .filter((name) => /knd|kubevirt|qemu-kube|node-driver|shim|launch/.test(name));
    const { launch } = await startSupervisedVm(shared.driver, shared.pod);
    expect(list()).to.deep.equal([]);
    launch.stub.kill('SIGTERM');
    await launch.ended;
  });

  it('a storm of SIGTERM with a crash and the end of the pod at once has one exit record', async () => {
    const { launch, emulator } = await startSupervisedVm(shared.driver, shared.pod, { args: ['deaf'] });
    for (let sent = 0; sent < 100; sent++) {
      launch.stub.kill('SIGTERM');
      await sleep(10);
    }
    expect(isRunning(emulator)).to.equal(true);
    launch.stub.kill('SIGTERM');
    signalProcess(emulator, 'SIGKILL');
    const ending = Promise.all([
      shared.pod.kill('SIGKILL').catch(() => undefined),
      shared.driver.end('SIGKILL'),
    ]);
    for (let sent = 0; sent < 100; sent++) launch.stub.kill('SIGTERM');
    const ended = await launch.ended;
    await ending;
    const listEnds = (): readonly (readonly (string | undefined)[])[] =>
      logLinesOf(shared.driver, shared.pod, 'A VM ended').map((line) =>
        ['launchId', 'kind', 'value', 'reason'].map(
          (key) => new RegExp(`${key}="?([^ ",]+)`).exec(line)?.[1],
        ),
      );
    const told = listEnds().length;
    expect(told).to.be.at.most(1);
    await shared.driver.start();
    expect(ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    await expectNothingLeft(shared.driver, shared.pod);
    // A daemon that is killed between telling and noting that it told leaves it to the next one to tell the same again.
    const ends = listEnds();
    expect(ends).to.have.lengthOf.within(1, told + 1);
    for (const end of ends) expect(end).to.deep.equal(ends[0]).and.to.not.include(undefined);
  });

  it('a stub that finds its VM’s end and a signal at once ends as the VM did', async () => {
    const { launch, emulator, shim } = await startSupervisedVm(shared.driver, shared.pod);
    launch.stub.kill('SIGSTOP');
    signalProcess(emulator, 'SIGKILL');
    await waitUntil('the shim has told of the end', () => (isRunning(shim) ? undefined : true), 5000);
    launch.stub.kill('SIGTERM');
    launch.stub.kill('SIGCONT');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    await expectNothingLeft(shared.driver, shared.pod);
  });

  it('of two daemons at once the second serves nothing, and the VM of the first runs on', async () => {
    const { launch, emulator, shim } = await startSupervisedVm(shared.driver, shared.pod);
    const second = await runCommand(
      process.execPath,
      [join(import.meta.dirname, '../../daemon/main.ts'), 'serve', '--config', shared.driver.configPath],
      { allowFailure: true },
    );
    expect(second.status).to.not.equal(0);
    expect(second.stdout + second.stderr).to.include('another node-driver already does');
    expect([emulator, shim].map(isRunning)).to.deep.equal([true, true]);
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    await expectNothingLeft(shared.driver, shared.pod);
    expect(logLinesOf(shared.driver, shared.pod, 'A VM ended')).to.have.lengthOf(1);
  });
});
