import { expect } from 'chai';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listCgroupRoots, readCgroups } from '../support/cgroups.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listMountinfo, runInMounts } from '../support/pod-mounts.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { withoutLaunchId } from '../support/start-bench.ts';

const UNTOUCHED = 'untouched';
const OOM_SCORE = '321';
/** Of files that the way into the pod writes to, or that say where a process is. */
const files = [
  'oom_score_adj',
  'attr/exec',
  'attr/current',
  'attr/apparmor/exec',
  'attr/apparmor/current',
  'cgroup',
];

for (const mode of ['fork', 'exec'] as const)
  describe(`a pod with unusual file systems, in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;
    let projected: string;
    let count = 0;

    before(async () => {
      scratch = Scratch.open('test');
      projected = join(scratch.directory, 'projected');
      mkdirSync(projected, { mode: 0o755 });
      // What is shared on the node is so in the copies of it, too, unless somebody sees to it.
      await runCommand('mount', ['--bind', projected, projected]);
      await runCommand('mount', ['--make-shared', projected]);
      driver = await startNodeDriver(scratch, {
        mode,
        settings: { emulator: fakeEmulator, project: projected },
      });
    });
    after(() => scratch.close());
    afterEach(() => pod.remove());

    const startPod = async (options: Partial<SandboxOptions> = {}): Promise<void> => {
      const vmUuid = `${scratch.id}-${++count}`;
      pod = await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount], ...options });
      // As a runtime leaves it where the pod asks for propagation: what is mounted in a copy might get here.
      await runInMounts(pod, 'mount --make-rshared /');
      writeFileSync(`/proc/${pod.pid}/oom_score_adj`, OOM_SCORE);
    };
    const listMounts = (): Readonly<Record<string, readonly string[]>> => ({
      // Other tests may run on the same node.
      node: listMountinfo('self').filter((line) => line.includes(scratch.id) || line.includes('qemu-kube')),
      pod: listMountinfo(pod.pid),
    });
    const lineOf = ({ stderr }: FakeLaunch): string => {
      expect(stderr.startsWith(`${driver.stubName}: `) && stderr.endsWith('\n'), stderr).to.equal(true);
      return withoutLaunchId(stderr).slice(driver.stubName.length + 2, -1);
    };
    /** Starts a VM that must run, in a directory that is projected, and ends it. */
    const expectStart = async (look: (pid: number) => void = () => undefined): Promise<void> => {
      const before = listMounts();
      const launch = launchFake(driver, pod, { args: ['wait'], directory: projected });
      await launch.waitForLine('ready').catch((error: unknown) => {
        throw new Error(launch.stderr, { cause: error });
      });
      expect(launch.texts('cwd')).to.deep.equal([projected]);
      const [pid = 0] = launch.facts('pid').map((fact) => Number(fact.split(' ')[0]));
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1').trim()).to.equal(OOM_SCORE);
      expect([...readCgroups(pid)]).to.deep.equal([...readCgroups(pod.pid)]);
      expect(listMountinfo(pid).filter((line) => line.includes(projected))).to.have.lengthOf(1);
      expect(listMounts(), 'while it runs').to.deep.equal(before);
      look(pid);
      launch.stub.kill('SIGTERM');
      await launch.ended;
      await expectNothingLeft(driver, pod);
      expect(listMounts(), 'afterwards').to.deep.equal(before);
    };
    const expectRefused = async (line: string, directory = projected): Promise<void> => {
      const before = listMounts();
      const launch = launchFake(driver, pod, { args: ['wait'], directory });
      expect((await launch.ended).status, launch.stderr).to.equal(125);
      expect(lineOf(launch)).to.equal(line);
      await expectNothingLeft(driver, pod);
      expect(listMounts()).to.deep.equal(before);
    };

    describe('leaves no mount behind', () => {
      it('in the pod or on the node, neither while a VM runs nor afterwards', async () => {
        await startPod();
        await expectStart();
      });

      it('where the root is read-only and has no mount point', async () => {
        await startPod({ readOnlyRoot: true, libvirtMountPoints: false });
        await expectStart();
      });

      it('when a start fails half-way through them', async () => {
        await startPod();
        await runInMounts(pod, `ln -s /tmp /var/lib/${scratch.id}`);
        await expectRefused(
          `Cannot show libvirt's files in the pod: /var/lib/${scratch.id} is a symlink there; make it a directory in the ` +
            "pod's image",
        );
      });

      it('when a start fails after all of them', async () => {
        await startPod();
        const elsewhere = join(scratch.directory, 'elsewhere');
        mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
        await expectRefused(
          `Cannot use ${elsewhere} as working directory in the pod: No such file or directory; start libvirtd in /`,
          elsewhere,
        );
      });
    });

    describe('deceives nobody', () => {
      /** Files that take what is written to them, in whatever is mounted at `root`. */
      const falseFiles = (directories: readonly string[]): string =>
        directories
          .flatMap((directory) =>
            files.map((file) => {
              const path = `${directory}/${file}`;
              return `mkdir -p ${path.replace(/\/[^/]+$/, '')}; echo ${UNTOUCHED} > ${path}; chmod 666 ${path}`;
            }),
          )
          .join('\n');
      const expectUntouched = async (script: string): Promise<void> => {
        const texts = (await runInMounts(pod, script)).split('\n').filter(Boolean);
        expect(texts).to.have.lengthOf.at.least(files.length);
        expect(new Set(texts)).to.deep.equal(new Set([UNTOUCHED]));
      };

      it('by a tmpfs over its /proc with false files in it', async () => {
        await startPod();
        const script = `mount -t tmpfs tmpfs /proc\n${falseFiles(['/proc/self', '/proc/thread-self', '/proc/1'])}`;
        await runInMounts(pod, script);
        await expectStart();
        await expectUntouched(
          'for each in /proc/*; do for file in $(find $each -type f); do cat $file; done; done',
        );
      });

      it('by false files over those of its processes in /proc', async () => {
        await startPod();
        const script = `mkdir /run/false\n${falseFiles(['/run/false'])}
          for file in oom_score_adj attr/exec attr/current cgroup; do
            [ ! -e /proc/1/$file ] || mount --bind /run/false/$file /proc/1/$file
          done
          mount -t tmpfs tmpfs /proc/1/task`;
        await runInMounts(pod, script);
        expect(await runInMounts(pod, 'cat /proc/1/cgroup')).to.equal(`${UNTOUCHED}\n`);
        await expectStart();
        await expectUntouched('for file in $(find /run/false -type f); do cat $file; done');
      });

      it('by false cgroups over its /sys/fs/cgroup', async () => {
        await startPod();
        const directories = listCgroupRoots().flatMap((root) => [root, join(root, pod.cgroup)]);
        const lists = directories.map((directory) => `${directory}/cgroup.procs`);
        const script = `mount -t tmpfs tmpfs /sys/fs/cgroup
          for file in ${lists.join(' ')}; do mkdir -p \${file%/*}; echo ${UNTOUCHED} > $file; chmod 666 $file; done`;
        await runInMounts(pod, script);
        await expectStart();
        await expectUntouched('for file in $(find /sys/fs/cgroup -name cgroup.procs); do cat $file; done');
      });

      it('nor does a libvirt whose /proc is none', async () => {
        await startPod();
        const { uid, gid } = findQemuAccount();
        const script = `mount -t tmpfs tmpfs /proc; mkdir -p /proc/self/fd
          for fd in 0 1 2; do : > /proc/self/fd/$fd; done; echo ${UNTOUCHED} > /proc/self/oom_score_adj
          status=0; setpriv --reuid=${uid} --regid=${gid} --clear-groups -- "$@" || status=$?
          cat /proc/self/oom_score_adj >&2; exit $status`;
        const launch = launchFake(driver, pod, {
          args: ['exit=42'],
          user: { uid: 0, gid: 0 },
          through: ['unshare', '--mount', 'sh', '-euc', script, 'sh'],
        });
        const { status } = await launch.ended;
        // It is the shim that writes, which has the node's.
        if (mode === 'fork') {
          expect(launch.stderr).to.equal(`${UNTOUCHED}\n`);
          expect(status).to.equal(42);
          return;
        }
        expect(withoutLaunchId(launch.stderr)).to.equal(
          'qemu-kube-exec: Cannot give QEMU what it has from the pod (its OOM score): /proc of libvirt is not procfs; ' +
            `mount procfs there\n${UNTOUCHED}\n`,
        );
        expect(status).to.equal(125);
        await expectNothingLeft(driver, pod);
      });
    });

    describe('that lacks something', () => {
      it('starts its VM without /proc', async () => {
        await startPod();
        await runInMounts(pod, 'mount -t tmpfs -o ro tmpfs /proc; [ ! -e /proc/self ]');
        await expectStart();
      });

      it('starts its VM without /dev/null and /dev/zero', async () => {
        await startPod();
        await runInMounts(pod, 'rm /dev/null /dev/zero; [ ! -e /dev/null ]');
        await expectStart();
      });

      it('starts its VM where no file can be made any more', async () => {
        await startPod();
        const full = 'mount -t tmpfs -o nr_inodes=1 tmpfs';
        await runInMounts(
          pod,
          `for each in /var/lib /run /tmp; do ${full} $each; ! mkdir $each/any 2>&-; done`,
        );
        await expectStart();
      });

      it('is told that its emulator may not be executed', async () => {
        await startPod();
        await runInMounts(pod, `mount -o remount,bind,noexec ${fakeEmulator}`);
        await expectRefused(
          `Cannot execute the emulator ${fakeEmulator} in the pod: Permission denied; install it in the pod's image or ` +
            'set "emulator" in qemu-kube.conf, and mount it without noexec',
        );
      });

      it('is told that its emulator is not there', async () => {
        await startPod({ mounts: [] });
        await expectRefused(
          `Cannot execute the emulator ${fakeEmulator} in the pod: No such file or directory; install it in the pod's ` +
            'image or set "emulator" in qemu-kube.conf',
        );
      });

      it('is told that its emulator is no program', async () => {
        const text = join(scratch.directory, 'text');
        writeFileSync(text, 'no program\n', { mode: 0o755 });
        chownSync(text, 0, 0);
        await startPod({ mounts: [{ source: text, destination: fakeEmulator }] });
        await expectRefused(
          `Cannot execute the emulator ${fakeEmulator} in the pod: Exec format error; install it in the pod's image or ` +
            'set "emulator" in qemu-kube.conf',
        );
      });
    });
  });
