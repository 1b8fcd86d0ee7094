import { expect } from 'chai';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readCgroups } from '../support/cgroups.ts';
import { Failpoints } from '../support/failpoints.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { signalProcess } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import { waitForStoppedShim } from '../support/stopped-shim.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { replaceableSyscalls, wrapBroker } from '../support/without-syscalls.ts';
import { withoutLaunchId } from '../support/start-bench.ts';

/** Those that a cgroup with processes of its own may not have enabled for the cgroups below it. */
const domainControllers = ['memory', 'io', 'hugetlb', 'rdma', 'misc'];

function findUnifiedRoot(): string | undefined {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , type]) => type === 'cgroup2')?.[1];
}

/** A cgroup of version 2. */
class UnifiedCgroup {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get controllers(): readonly string[] {
    return readFileSync(join(this.directory, 'cgroup.controllers'), 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean);
  }

  set(file: 'cgroup.subtree_control' | 'cgroup.type' | 'cgroup.procs', text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  get(file: 'cgroup.type'): string {
    return readFileSync(join(this.directory, file), 'latin1').trim();
  }

  make(name: string): UnifiedCgroup {
    const directory = join(this.directory, name);
    mkdirSync(directory, { recursive: true });
    return new UnifiedCgroup(directory);
  }
}

for (const mode of ['fork', 'exec'] as const)
  describe(`a pod that makes use of cgroup v2, in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let failpoints: Failpoints;
    let pod: Sandbox;
    let root: string;
    let container: UnifiedCgroup;

    before(async function () {
      root = findUnifiedRoot() ?? skip(this, 'this machine has no cgroup v2');
      scratch = Scratch.open('test');
      failpoints = Failpoints.open(scratch);
      driver = await startNodeDriver(scratch, { mode, failpoints, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());
    beforeEach(async () => {
      const vmUuid = `unified-${mode}`;
      pod = await startSandbox(scratch, {
        vmUuid,
        vmName: 'unified',
        mounts: [fakeEmulatorMount, failpoints.mount],
      });
      container = new UnifiedCgroup(join(root, pod.cgroup));
    });
    afterEach(async () => {
      failpoints.clear();
      await pod.remove();
    });

    /** A controller that the container could enable; makes one available to it where the node has not. */
    const findController = (context: Mocha.Context): string => {
      const find = ({ controllers }: UnifiedCgroup): string | undefined =>
        domainControllers.find((name) => controllers.includes(name));
      const available = find(container);
      if (available !== undefined) return available;
      const name = find(new UnifiedCgroup(root)) ?? skip(context, 'no controller is bound to cgroup v2');
      const path: UnifiedCgroup[] = [];
      for (let at = dirname(container.directory); at !== dirname(root); at = dirname(at))
        path.unshift(new UnifiedCgroup(at));
      for (const each of path) each.set('cgroup.subtree_control', `+${name}`);
      scratch.defer('take the controller away again', () => {
        for (const each of path.toReversed())
          try {
            each.set('cgroup.subtree_control', `-${name}`);
          } catch {
            // Gone, or another run of the tests needs it.
          }
      });
      return name;
    };
    const expectJoined = async (): Promise<void> => {
      const launch = launchFake(driver, pod, { args: ['wait'] });
      await launch.waitForLine('ready').catch((error: unknown) => {
        throw new Error(launch.stderr, { cause: error });
      });
      const [pid = 0] = launch.facts('pid').map((fact) => Number(fact.split(' ')[0]));
      expect([...readCgroups(pid)]).to.deep.equal([...readCgroups(pod.pid)]);
      launch.stub.kill('SIGTERM');
      await launch.ended;
      await expectNothingLeft(driver, pod);
    };

    it("its QEMU joins the leaf that the launcher is in, where the container's cgroup has controllers for children", async function () {
      const controller = findController(this);
      const leaf = container.make('leaf');
      leaf.set('cgroup.procs', String(pod.pid));
      container.set('cgroup.subtree_control', `+${controller}`);
      expect(readCgroups(pod.pid).get('')).to.equal(`${pod.cgroup}/leaf`);
      await expectJoined();
    });

    it("its QEMU joins the container's cgroup, where that has threaded ones below it", async () => {
      container.make('threads').set('cgroup.type', 'threaded');
      expect(container.get('cgroup.type')).to.equal('domain threaded');
      await expectJoined();
    });

    it('its QEMU joins the threaded cgroup that the launcher is in', async () => {
      const threads = container.make('threads');
      threads.set('cgroup.type', 'threaded');
      threads.set('cgroup.procs', String(pod.pid));
      expect(readCgroups(pod.pid).get('')).to.equal(`${pod.cgroup}/threads`);
      await expectJoined();
    });

    if (mode === 'exec') return;

    describe('and changes it while a VM starts', () => {
      before(async () => {
        await driver.end();
        // The kernel looks when the process is born there as it does when it joins later: that can be waited for.
        wrapBroker(join(scratch.directory, 'stub'), 'ENOSYS', replaceableSyscalls);
        await driver.start();
      });

      const refuse = async (change: () => void): Promise<FakeLaunch> => {
        failpoints.set('child-born');
        const launch = launchFake(driver, pod, { args: ['wait'] });
        const child = await waitForStoppedShim(driver, 'child-born');
        try {
          change();
        } finally {
          signalProcess(child, 'SIGCONT');
        }
        expect((await launch.ended).status).to.equal(125);
        await expectNothingLeft(driver, pod);
        return launch;
      };

      it('is told when its cgroup has got controllers for children, and nothing is left', async function () {
        const controller = findController(this);
        const launch = await refuse(() => {
          container.make('leaf').set('cgroup.procs', String(pod.pid));
          container.set('cgroup.subtree_control', `+${controller}`);
        });
        expect(withoutLaunchId(launch.stderr)).to.equal(
          `qemu-kube: Cannot join the pod's cgroup ${container.directory}: it has controllers for cgroups below it: the ` +
            'launcher has left it, and the pod made of it what takes no process; start the VM again when the launcher ' +
            'stays where it is\n',
        );
      });

      it('is told when its cgroup is beside threaded ones, and nothing is left', async () => {
        const leaf = container.make('leaf');
        leaf.set('cgroup.procs', String(pod.pid));
        const launch = await refuse(() => {
          container.set('cgroup.procs', String(pod.pid));
          container.make('threads').set('cgroup.type', 'threaded');
          expect(leaf.get('cgroup.type')).to.equal('domain invalid');
        });
        expect(withoutLaunchId(launch.stderr)).to.equal(
          `qemu-kube: Cannot join the pod's cgroup ${leaf.directory}: it is beside threaded cgroups: the launcher has ` +
            'left it, and the pod made of it what takes no process; start the VM again when the launcher stays where it is\n',
        );
      });
    });
  });
