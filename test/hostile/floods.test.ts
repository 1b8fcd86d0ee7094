import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { draftRequest, encodeRequest } from '../fuzz/encode-request.ts';
import { limitCpuTime } from '../support/cpu-time.ts';
import { findCgroup } from '../support/cgroups.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const VM_UUID = 'flooded';
/** Connections of each attacker at once: more than the daemon has places. */
const CONNECTIONS = 300;
const LAUNCHES = 5;
const PROCESSES = 1500;
const account = findQemuAccount();
const program = join(import.meta.dirname, '../support/flood-socket.ts');

describe('an honest launch among hostile ones', function () {
  this.timeout(300_000);
  let scratch: Scratch;
  let honest: Sandbox;
  let driver: NodeDriver;
  const attackers: ChildProcess[] = [];
  const pods: Sandbox[] = [];

  before(async () => {
    scratch = Scratch.open('test');
    honest = await startSandbox(scratch, { vmUuid: VM_UUID, vmName: 'flooded', mounts: [fakeEmulatorMount] });
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch.close());
  afterEach(async () => {
    for (const attacker of attackers.splice(0)) {
      const ended = new Promise((resolve) => attacker.once('exit', resolve));
      attacker.kill('SIGKILL');
      await ended;
    }
    for (const pod of pods.splice(0)) await pod.remove();
  });

  const startPod = async (options: Partial<SandboxOptions> = {}): Promise<Sandbox> => {
    const pod = await startSandbox(scratch, { vmUuid: VM_UUID, vmName: 'flooded', ...options });
    pods.push(pod);
    limitCpuTime(pod.cgroup, 0.5);
    return pod;
  };
  /** Runs a command in the cgroups of a pod, as one that got out of it would. */
  const runInCgroups = (pod: Sandbox, command: readonly string[]): ChildProcess => {
    const files = findCgroup(pod.cgroup).map((directory) => join(directory, 'cgroup.procs'));
    const script = 'n=$1; shift; while [ $n -gt 0 ]; do echo 0 > "$1"; shift; n=$((n - 1)); done; exec "$@"';
    const args = ['-c', script, 'sh', String(files.length), ...files, ...command];
    const child = spawn('sh', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    attackers.push(child);
    return child;
  };
  /** Has the qemu user, in a pod, do to the socket what `flood-socket.ts` knows. */
  const flood = async (kind: string, pod: Sandbox): Promise<void> => {
    const request = join(scratch.directory, 'request');
    const env = [`KUBEVIRT_IO_VM_UUID=${VM_UUID}`, 'KUBEVIRT_IO_SECRET=wrong'];
    writeFileSync(request, encodeRequest(draftRequest(['qemu', '-name', 'guest=flooded'], env)));
    const user = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
    const attack = [process.execPath, program, kind, driver.launchSocket, request, String(CONNECTIONS)];
    const before = await countRefusals();
    runInCgroups(pod, ['setpriv', ...user, ...attack]);
    await waitUntil(
      'the flood is felt',
      async () => ((await countRefusals()) > before + 20 ? true : undefined),
      30_000,
    );
  };
  const countRefusals = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
    return [...metrics.matchAll(/launches_total\{result="refused",[^}]*\} (\d+)/g)]
      .map(([, count]) => Number(count))
      .reduce((sum, count) => sum + count, 0);
  };
  const expectLaunches = async (): Promise<void> => {
    for (let i = 0; i < LAUNCHES; i++) {
      const launch = launchFake(driver, honest, { args: ['exit=7'] });
      const { status } = await launch.ended;
      expect(`${status ?? 'signal'} ${launch.stderr}`).to.equal('7 ');
    }
  };

  for (const [kind, what] of [
    ['idle', 'connections that send nothing'],
    ['slow', 'connections that send a byte now and then'],
    ['large', 'requests of 4 MiB that never end'],
    ['whole', 'requests with a wrong secret for the same VM'],
  ] as const)
    it(`goes through ${CONNECTIONS} ${what}, again and again`, async () => {
      await flood(kind, await startPod({ vmUuid: 'other', vmName: 'other' }));
      await expectLaunches();
    });

  it('is refused after five wrong secrets at once, and goes through when the right one comes later', async () => {
    const pod = await startPod({ vmUuid: 'guessed', vmName: 'guessed', mounts: [fakeEmulatorMount] });
    const launch = async (secret = pod.secret): Promise<string> => {
      const started = launchFake(
        driver,
        { vmUuid: 'guessed', vmName: 'guessed', secret },
        { args: ['exit=7'] },
      );
      const { status } = await started.ended;
      return `${status ?? 'signal'} ${started.stderr}`;
    };
    const guesses = await Promise.all(Array.from({ length: 12 }, (_, i) => launch(`guess ${i}`)));
    const isUnchecked = (line: string): boolean =>
      line.includes('Cannot check the secret of this VM again now');
    expect(guesses.filter(isUnchecked)).to.have.lengthOf.within(5, 7);
    expect(guesses.filter((line) => !line.startsWith('125 '))).to.deep.equal([]);
    expect(
      await waitUntil(
        'it is checked again',
        async () => {
          const line = await launch();
          return isUnchecked(line) ? undefined : line;
        },
        20_000,
        500,
      ),
    ).to.equal('7 ');
  });

  it('goes through all of these at once', async () => {
    const pod = await startPod({ vmUuid: 'other', vmName: 'other' });
    for (const kind of ['idle', 'slow', 'large', 'whole']) await flood(kind, pod);
    await expectLaunches();
  });

  it(`goes through a pod with ${PROCESSES} processes that claim its VM`, async () => {
    const pod = await startPod();
    const enter = ['nsenter', '-t', String(pod.pid), '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w'];
    // With a first argument that makes each command line a long one.
    const script = `for ((i = 0; i < ${PROCESSES}; i++)); do
      exec -a virt-launcher /launcher/virt-launcher --x=$(printf %0$((i % 2 * 4000))d 0) -kubevirt.vm.uuid ${VM_UUID} &
    done; wait`;
    runInCgroups(pod, [...enter, 'bash', '-c', script]);
    await waitUntil('they all run', () => (pod.processes.length > PROCESSES ? true : undefined), 60_000, 500);
    await expectLaunches();
  });

  it('goes through pods that claim its VM and hold a FIFO, a huge file or a device as their secret', async () => {
    for (let i = 0; i < 10; i++) {
      const pod = await startPod({ secret: false });
      const secret = join(pod.secretDirectory, 'secret');
      if (i % 3 === 0) await runCommand('mkfifo', ['-m', '666', secret]);
      else if (i % 3 === 1) await runCommand('mknod', ['-m', '666', secret, 'c', '1', '5']);
      else {
        writeFileSync(secret, '', { mode: 0o644 });
        truncateSync(secret, 10 * 2 ** 30);
      }
    }
    await expectLaunches();
  });
});
