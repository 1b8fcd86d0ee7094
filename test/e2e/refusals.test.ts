import { expect } from 'chai';
import { readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RefusalCode } from '../../daemon/errors.ts';
import { launchFake } from '../support/fake-launch.ts';
import {
  identify,
  isRunning,
  listDescendants,
  listProcesses,
  readArguments,
  readProcess,
  signalProcess,
  stopProcess,
  type ProcessIdentity,
} from '../support/processes.ts';
import {
  expectRefused,
  expiresAtFile,
  noSecret,
  refusedDomains,
  refusedSecrets,
  refuseFor,
  secretFile,
  secretRemedy,
  type RefusedStart,
} from '../support/refused-starts.ts';
import { startPodlessLauncher, type Sandbox } from '../support/sandbox.ts';
import { findRefusals, StartBench, type Environment } from '../support/start-bench.ts';
import { waitUntil } from '../support/wait-until.ts';

describe('a start that must be refused', function () {
  this.timeout(30_000);
  let bench: StartBench;

  before(async function () {
    this.timeout(90_000);
    bench = await StartBench.open();
  });
  after(async function () {
    this.timeout(60_000);
    await bench.scratch.close();
  });
  afterEach(() => bench.removePods());

  const refuse = (pod: Sandbox, reason: RefusalCode | null, environment?: Environment): Promise<string> =>
    refuseFor(bench, pod, reason, environment);

  const itRefuses = (start: RefusedStart): void => {
    it(start.title, () => expectRefused(bench, start));
  };

  describe('for its domain:', () => refusedDomains.forEach(itRefuses));

  describe('for its secret:', () => {
    refusedSecrets.forEach(itRefuses);

    it('a secret that has expired by "expires-at"', async () => {
      const pod = await bench.startPod({ expiresAt: '2020-02-29T12:00:00+01:00\n' });
      expect(await refuse(pod, 'secret-expired')).to.match(
        new RegExp(
          `^Cannot accept the secret in "${secretFile}": it expired at 2020-02-29T11:00:00.000Z, \\d+ d(?: \\d+ h)? ago, by ` +
            `"${expiresAtFile}"; write a new secret with a later expires-at into the Kubernetes Secret$`,
        ),
      );
    });

    for (const [way, link] of [
      ['an absolute symlink', (file: string) => file],
      ['a symlink full of ".."', (file: string) => `${'../'.repeat(40)}${file.slice(1)}`],
    ] as const)
      it(`${way} to a file of the host as secret`, async () => {
        const secret = "a secret in the host's file";
        const file = join(bench.scratch.directory, 'host-secret');
        writeFileSync(file, secret, { mode: 0o644 });
        const pod = await bench.startPod({ secret: false });
        symlinkSync(link(file), join(pod.secretDirectory, 'secret'));
        expect(readFileSync(join(pod.secretDirectory, 'secret'), 'utf8')).to.equal(secret);
        expect(await refuse(pod, 'secret-file', { KUBEVIRT_IO_SECRET: secret })).to.equal(
          `Cannot read "${secretFile}" of the pod: it does not exist; ${secretRemedy}`,
        );
      });
  });

  describe('for its pod:', () => {
    const notFound = (uuid: string, name: string): RegExp =>
      new RegExp(
        `^Cannot find a virt-launcher of VM "${uuid}" \\("${name}"\\) on this node( \\(process \\d+ .*\\))?; start ` +
          'its pod on this node first, and check the uuid of the domain$',
      );
    const unusable = ({ vmUuid: uuid, vmName: name }: Sandbox, why: string): RegExp =>
      new RegExp(
        `^Cannot use the virt-launcher of VM "${uuid}" \\("${name}"\\): process \\d+ ${why}; start the VM's pod anew$`,
      );

    it('a uuid that no pod has', async () => {
      await bench.startPod();
      const vm = bench.newVm();
      const line = await bench.refuse(vm, { KUBEVIRT_IO_SECRET: noSecret }, 'target-not-found');
      expect(line).to.match(notFound(vm.uuid, vm.name));
    });

    it('a pod whose launcher has not started yet', async () => {
      const vm = bench.newVm();
      const argv = ['pause', '-kubevirt.vm.uuid', vm.uuid, '-kubevirt.vm.name', vm.name];
      const pod = await bench.startPod({ argv }, vm);
      expect(await refuse(pod, 'target-not-found')).to.match(notFound(vm.uuid, vm.name));
    });

    it('a launcher in the root cgroup', async () => {
      const vm = bench.newVm();
      await startPodlessLauncher(bench.scratch, { vmUuid: vm.uuid, vmName: vm.name });
      const line = await bench.refuse(vm, { KUBEVIRT_IO_SECRET: noSecret }, 'target-unusable');
      expect(line).to.match(/: process \d+ is in the root cgroup, so in no pod; start the VM's pod anew$/);
    });

    it('a launcher that is a zombie', async () => {
      const pod = await bench.startPod();
      const runtime = identify(readProcess(pod.pid)?.parent ?? 0);
      await stopProcess(runtime);
      try {
        await pod.kill('SIGKILL');
        await pod.waitForEnd();
        expect(readProcess(pod.pid)?.state).to.equal('Z');
        const line = await refuse(pod, 'target-not-found');
        expect(line).to.match(notFound(pod.vmUuid, pod.vmName)).and.include('zombie');
      } finally {
        signalProcess(runtime, 'SIGCONT');
      }
    });

    it('a launcher that made namespaces of its own inside its container', async () => {
      const vm = bench.newVm();
      const pod = await bench.startPod({ argv: ['pause'] }, vm);
      const launcher = ['virt-launcher', '-kubevirt.vm.uuid', vm.uuid, '-kubevirt.vm.name', vm.name];
      const nested = await pod.execBackground(['unshare', '--user', '--net', ...launcher]);
      await waitUntil(
        'the launcher runs',
        () => (readArguments(nested.pid)[0] === 'virt-launcher' ? true : undefined),
        5000,
      );
      expect(await refuse(pod, 'target-unusable')).to.match(
        unusable(pod, 'made namespaces of its own \\((net, user|user, net)\\) inside its container'),
      );
    });

    for (const [what, secret] of [
      ['both hold', undefined],
      ['neither holds', 'what neither pod holds'],
    ] as const)
      it(`two pods with its uuid, of which ${what} its secret`, async () => {
        const vm = bench.newVm();
        const first = await bench.startPod({ secret: 'of both pods' }, vm);
        const second = await bench.startPod({ secret: 'of both pods' }, vm);
        const line = await refuse(first, 'target-ambiguous', { KUBEVIRT_IO_SECRET: secret ?? first.secret });
        const why =
          secret === undefined
            ? 'more than one of them holds the secret'
            : 'none of them holds the secret of the domain';
        expect(line).to.equal(
          `Cannot choose between the 2 pods of VM "${vm.uuid}" ("${vm.name}"): ` +
            `${why}; delete the pod that is not the VM's, or give each pod a secret of its own`,
        );
        const logged = bench.driver.log.split('\n').filter((each) => each.includes('"target-ambiguous"'));
        expect(logged.at(-1)).to.include(`${first.podUid} and ${second.podUid}`);
      });

    it('two pods with its uuid, of which one holds its secret, which has expired', async () => {
      const vm = bench.newVm();
      await bench.startPod({}, vm);
      const pod = await bench.startPod({ expiresAt: '2020-01-01T00:00:00Z' }, vm);
      expect(await refuse(pod, 'secret-expired')).to.include('it expired at 2020-01-01T00:00:00.000Z');
    });

    it('a pod in which its last QEMU still runs', async () => {
      const pod = await bench.startPod();
      const running = launchFake(bench.driver, pod, { args: ['-S', '-display', 'none', '-machine', 'none'] });
      await waitUntil('QEMU runs', () => (pod.processes.length === 2 ? true : undefined), 5000);
      const line = await refuse(pod, 'already-running');
      expect(line).to.match(
        new RegExp(
          `^Cannot start VM "${pod.vmUuid}" again: launch [0-9a-f-]{36} still runs in its pod; destroy the domain ` +
            'first, or wait until its QEMU has ended$',
        ),
      );
      expect(pod.processes).to.have.lengthOf(2);
      running.stub.kill('SIGTERM');
      await running.ended;
      expect(findRefusals(running.stderr)).to.deep.equal([]);
    });
  });

  describe('while its QEMU runs in another pod of its VM,', () => {
    const qemu = ['-S', '-display', 'none', '-machine', 'none'];

    it('unless it waits there for the guest to come', async () => {
      const vm = bench.newVm();
      const source = await bench.startPod({}, vm);
      const destination = await bench.startPod({}, vm);
      const running = launchFake(bench.driver, source, { args: qemu });
      await waitUntil('QEMU runs', () => (source.processes.length === 2 ? true : undefined), 5000);
      expect(await refuse(destination, 'already-running')).to.match(
        new RegExp(
          `^Cannot start VM "${vm.uuid}" again: launch [0-9a-f-]{36} still runs in the pod ${source.podUid}; destroy the ` +
            'domain there first, or migrate it; if it is no pod of this VM, remove it: .*$',
        ),
      );
      const incoming = launchFake(bench.driver, destination, { args: [...qemu, '-incoming', 'defer'] });
      await waitUntil('both run', () => (destination.processes.length === 2 ? true : undefined), 5000);
      expect(source.processes).to.have.lengthOf(2);
      for (const { stub, ended } of [running, incoming]) {
        stub.kill('SIGTERM');
        await ended;
      }
    });
  });

  describe('for its pod, which ends', () => {
    /** Waits until the daemon has pinned the launcher of a pod, and now waits itself: for the broker. */
    const pinned = (pod: Sandbox): Promise<true> =>
      waitUntil(
        'the daemon has found the pod',
        () => {
          const { pid } = bench.driver.process;
          const directory = `/proc/${pid}/fdinfo`;
          const holds = readdirSync(directory).some((fd) =>
            readText(join(directory, fd)).includes(`\nPid:\t${pod.pid}\n`),
          );
          return holds && readProcess(pid)?.state === 'S' ? true : undefined;
        },
        5000,
        5,
      );
    const end = async (pod: Sandbox): Promise<void> => {
      await pod.kill('SIGKILL');
      await pod.waitForEnd();
    };

    it('before its secret is read', async () => {
      const pod = await bench.startPod();
      const { broker } = bench.driver;
      signalProcess(broker, 'SIGSTOP');
      try {
        const starting = refuse(pod, 'target-gone');
        await Promise.race([pinned(pod), starting]);
        await end(pod);
        signalProcess(broker, 'SIGCONT');
        expect(await starting).to.equal(
          `Cannot start the VM: the virt-launcher of its pod (process ${pod.pid}) ended meanwhile; start the VM again ` +
            'when the pod is running',
        );
      } finally {
        signalProcess(broker, 'SIGCONT');
      }
    });

    it('between its match and its launch', async () => {
      const pod = await bench.startPod();
      const { broker } = bench.driver;
      let stub: ProcessIdentity | undefined;
      signalProcess(broker, 'SIGSTOP');
      try {
        const starting = refuse(pod, 'launch-failed');
        await Promise.race([pinned(pod), starting]);
        // The shim waits for this stub's fds.
        stub = listProcesses().find(({ pid }) => readArguments(pid)[0] === bench.driver.emulator);
        if (stub === undefined) throw new Error('There is no stub');
        signalProcess(stub, 'SIGSTOP');
        signalProcess(broker, 'SIGCONT');
        await waitUntil(
          'there is a shim',
          () =>
            listDescendants(broker).some(({ pid }) => readArguments(pid)[0] === 'qemu-kube-shim') ||
            undefined,
          5000,
          5,
        );
        await end(pod);
        signalProcess(stub, 'SIGCONT');
        expect(await starting).to.match(
          /^Cannot enter the pod: its launcher changed or ended while the VM was starting \(.*\); start the VM again when the pod is running$/,
        );
      } finally {
        signalProcess(broker, 'SIGCONT');
        if (stub !== undefined) signalProcess(stub, 'SIGCONT');
      }
    });
  });

  describe('for the node driver, which', () => {
    const withDaemon = async (
      settings: Readonly<Record<string, string>>,
      test: () => Promise<void>,
    ): Promise<void> => {
      await bench.driver.end();
      bench.driver.configure(settings);
      await bench.driver.start();
      try {
        await test();
      } finally {
        await bench.driver.end();
        bench.driver.configure();
        await bench.driver.start();
      }
    };

    it('lets a secret count for 1 s', () =>
      withDaemon({ 'secret-lifetime': '1s' }, async () => {
        const pod = await bench.startPod();
        const age = (): number => Date.now() - created;
        const created = Date.now();
        await waitUntil('the secret is too old', () => (age() > 1100 ? true : undefined), 5000);
        expect(await refuse(pod, 'secret-expired')).to.match(
          new RegExp(
            `^Cannot accept the secret in "${secretFile}": its container started \\d+ s ago, and a secret counts for 1 s; ` +
              `start the VM within that time, raise "secret-lifetime", or set a time in "${expiresAtFile}"$`,
          ),
        );
      }));

    it('does not let the caller launch', () =>
      withDaemon({ 'launch-users': 'root' }, async () => {
        const pod = await bench.startPod();
        expect(await refuse(pod, 'caller-not-allowed')).to.equal(
          `Cannot start a VM for uid ${bench.libvirt.account.uid}: it is not allowed to; add the user that libvirt ` +
            'runs QEMU as to "launch-users" in qemu-kube.conf',
        );
      }));

    it('is set to an emulator that the pod has not', () =>
      withDaemon({ emulator: '/nonexistent' }, async () => {
        const pod = await bench.startPod();
        expect(await refuse(pod, 'launch-failed')).to.equal(
          "Cannot execute the emulator /nonexistent in the pod: No such file or directory; install it in the pod's " +
            'image or set "emulator" in qemu-kube.conf',
        );
      }));

    for (const [how, signal, why] of [
      ['was stopped', 'SIGTERM', 'No such file or directory'],
      ['crashed', 'SIGKILL', 'Connection refused'],
    ] as const)
      it(how, async () => {
        const pod = await bench.startPod();
        await bench.driver.end(signal);
        try {
          expect(await refuse(pod, null)).to.equal(
            `Cannot reach the node driver at ${bench.driver.launchSocket}: ${why}; start kubevirt-node-driver on ` +
              'this node',
          );
        } finally {
          await bench.driver.start();
        }
      });
  });

  describe('leaves the next ones alone:', () => {
    it('a VM starts in the one of two pods that holds its secret', async () => {
      const vm = bench.newVm();
      const other = await bench.startPod({}, vm);
      await bench.start(await bench.startPod({}, vm));
      expect(other.processes).to.deep.equal([other.pid]);
    });

    it('a VM starts in a pod with a read-only root and no mount point', async () => {
      await bench.start(await bench.startPod({ readOnlyRoot: true, libvirtMountPoints: false }));
    });

    it('the daemon has let go of every process, and wrote no secret', async () => {
      expect(isRunning(bench.driver.process)).to.equal(true);
      bench.expectNoSecret();
      await bench.expectNothingPinned();
    });
  });
});

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // closed meanwhile
  }
}
