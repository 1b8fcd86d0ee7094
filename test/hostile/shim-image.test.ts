import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Failpoints } from '../support/failpoints.ts';
import { launchFake } from '../support/fake-launch.ts';
import { fixturesMount } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, readNestedPid, readProcess, signalProcess } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitForStoppedShim } from '../support/stopped-shim.ts';
import { expectNothingLeft, startSupervisedVm } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

const writer = '/opt/fixtures/write-exe';
/** All that a container may be given to get at files with, and not to trace with. */
const capabilities = ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_CHOWN', 'CAP_FSETID'];
const root = { uid: 0, gid: 0 };

/** What `write-exe` did; that is, has not. */
function listDone(output: string): readonly string[] {
  const lines = output.split('\n').filter((line) => line.includes(': '));
  expect(lines).to.have.lengthOf.at.least(5);
  return lines.filter((line) => line.endsWith(': done')).map((line) => line.slice(0, -': done'.length));
}

for (const mode of ['fork', 'exec'] as const)
  describe(`the executable of what enters a pod in ${mode} mode`, function () {
    this.timeout(60_000);
    this.retries(0); // one success of the attacker is one too many
    let scratch: Scratch;
    let driver: NodeDriver;
    let failpoints: Failpoints;
    let pod: Sandbox;
    let image: Buffer;
    /** The first at which the pod's PID namespace has it. */
    const point = mode === 'fork' ? 'born-inside' : 'namespaces-entered';

    before(async () => {
      scratch = Scratch.open('test');
      failpoints = Failpoints.open(scratch);
      driver = await startNodeDriver(scratch, {
        mode,
        failpoints,
        settings: {
          emulator: '/opt/fixtures/fake-emulator',
          namespaces: `mnt net ipc uts cgroup${mode === 'fork' ? ' pid' : ''}`,
        },
      });
      pod = await startSandbox(scratch, {
        vmUuid: `image-${mode}`,
        vmName: 'image',
        capabilities,
        // Where it does not join the PID namespace, only a pod that has the node's procfs can see it.
        mounts: [fixturesMount, failpoints.mount, { source: '/proc', destination: '/node-proc' }],
      });
      image = readFileSync(
        mode === 'fork' ? join(scratch.directory, 'stub/qemu-kube-shim') : driver.emulator,
      );
    });
    after(() => scratch.close());
    afterEach(() => failpoints.clear());

    it('cannot be opened by root in the pod, for reading or for writing', async () => {
      failpoints.set(point);
      const launch = launchFake(driver, pod, { args: ['exit=42'] });
      const held =
        mode === 'fork'
          ? await waitForStoppedShim(driver, point)
          : await waitUntil(
              'the stub stops',
              () => (readProcess(launch.pid)?.state === 'T' ? identify(launch.pid) : undefined),
              10_000,
            );
      try {
        expect(readFileSync(`/proc/${held.pid}/exe`).equals(image)).to.equal(true);
        const paths = [`/node-proc/${held.pid}/exe`];
        if (mode === 'fork') paths.push(`/proc/${readNestedPid(held.pid)}/exe`);
        for (const path of paths) {
          const { stdout } = await pod.exec([writer, path], root);
          expect(listDone(stdout), stdout).to.deep.equal([]);
          expect(stdout).to.include('running for reading: Permission denied\n');
        }
      } finally {
        signalProcess(held, 'SIGCONT');
      }
      expect((await launch.ended).status, launch.stderr).to.equal(42);
      await expectNothingLeft(driver, pod);
    });

    if (mode === 'exec') return;

    describe('that is the one of its shim as well', () => {
      const tryOnNode = (pid: number): { readonly child: ChildProcess; output: () => string } => {
        const program = join(fixturesMount.source, 'write-exe');
        const child = spawn(program, [`/proc/${pid}/exe`], { stdio: ['pipe', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.setEncoding('latin1').on('data', (more: string) => (text += more));
        return { child, output: () => text };
      };

      it('cannot be changed by root of the node, while it runs or by an fd of that time', async () => {
        const { launch, shim } = await startSupervisedVm(driver, pod);
        const { child, output } = tryOnNode(shim.pid);
        const ended = once(child, 'close');
        await waitUntil('it has tried', () => (output().includes('waiting\n') ? true : undefined), 5000);
        launch.stub.kill('SIGTERM');
        await launch.ended;
        await expectNothingLeft(driver, pod);
        child.stdin?.end('go on\n');
        await ended;
        expect(output()).to.include('ended for writing, write: Operation not permitted\n');
        expect(listDone(output()), output()).to.deep.equal(['running for reading']);
      });

      it('is the same for the next VM, also where the file it was copied from was replaced', async () => {
        const path = join(scratch.directory, 'stub/qemu-kube-shim');
        copyFileSync(join(fixturesMount.source, 'reaper'), `${path}.other`);
        renameSync(`${path}.other`, path);
        const { launch, shim } = await startSupervisedVm(driver, pod);
        expect(readFileSync(`/proc/${shim.pid}/exe`).equals(image)).to.equal(true);
        launch.stub.kill('SIGTERM');
        await launch.ended;
        await expectNothingLeft(driver, pod);
      });
    });
  });
