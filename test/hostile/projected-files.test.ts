import { expect } from 'chai';
import { chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listMountinfo } from '../support/pod-mounts.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { withoutLaunchId } from '../support/start-bench.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { replaceableSyscalls, withoutSyscalls, wrapBroker } from '../support/without-syscalls.ts';

const vmName = 'projected';
const { uid, gid } = findQemuAccount();
const inside = 'of the domain';
const outside = 'of the node';

/** libvirt's qemu user may write where these are, so that whoever has that user may put something else there. */
for (const [mode, kernel] of [
  ['fork', 'with openat2'],
  ['fork', 'without openat2'],
  ['exec', 'with openat2'],
  ['exec', 'without openat2'],
] as const)
  describe(`libvirt's files of a domain, in ${mode} mode ${kernel},`, function () {
    this.timeout(60_000);
    const isOld = kernel === 'without openat2';
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;
    /** Of another domain, or of nobody's business at all. */
    let node: string;
    let directory: string;
    let swtpm: string;
    let runFile: string;

    before(async () => {
      scratch = Scratch.open('test');
      node = join(scratch.directory, 'node');
      directory = join(scratch.directory, 'state', `domain-1-${vmName}`);
      swtpm = join(scratch.directory, 'run/swtpm');
      runFile = join(swtpm, `1-${vmName}-swtpm.sock`);
      for (const each of [node, join(directory, '..')]) mkdirSync(each, { recursive: true });
      for (const name of ['secret', `1-${vmName}-swtpm.sock`]) writeFileSync(join(node, name), outside);
      // QEMU's user could read it, if only it was in the pod.
      chownSync(node, uid, gid);
      pod = await startSandbox(scratch, { vmUuid: `${scratch.id}-vm`, vmName, mounts: [fakeEmulatorMount] });
      driver = await startNodeDriver(scratch, {
        mode,
        settings: {
          emulator: fakeEmulator,
          'libvirt-state': join(scratch.directory, 'state'),
          'libvirt-run': join(scratch.directory, 'run'),
        },
      });
      if (!isOld) return;
      await driver.end();
      wrapBroker(join(scratch.directory, 'stub'), 'ENOSYS', replaceableSyscalls);
      await driver.start();
    });
    after(() => scratch.close());
    beforeEach(() => {
      for (const each of [directory, swtpm]) {
        rmSync(each, { recursive: true, force: true });
        mkdirSync(each, { recursive: true });
      }
      for (const file of [join(directory, 'secret'), runFile]) writeFileSync(file, inside);
      chownSync(directory, uid, gid);
    });

    const launch = (): FakeLaunch => {
      const ids = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
      return launchFake(driver, pod, {
        args: [
          ...['-object', `secret,id=masterKey0,format=raw,file=${directory}/master-key.aes`],
          ...['-chardev', `socket,id=tpm,path=${runFile}`],
          ...[`read=${directory}/secret`, `read=${runFile}`],
        ],
        ...(isOld && {
          user: { uid: 0, gid: 0 },
          through: [...withoutSyscalls('ENOSYS', replaceableSyscalls), '/usr/bin/env', ...ids],
        }),
      });
    };
    /** Nothing of it is to be seen in the pod, and nothing runs there. */
    const expectRefused = async (line: string): Promise<void> => {
      const before = listMountinfo(pod.pid);
      const launched = launch();
      const { status } = await launched.ended;
      expect(launched.report, 'what an emulator says').to.deep.equal([]);
      expect({ status, said: withoutLaunchId(launched.stderr) }).to.deep.equal({
        status: 125,
        said: `${driver.stubName}: ${line}\n`,
      });
      await expectNothingLeft(driver, pod);
      expect(listMountinfo(pod.pid)).to.deep.equal(before);
    };
    const hasLink = (path: string): string =>
      `Cannot find ${path} where libvirt runs: Symbolic link loop; set "libvirt-state" and "project" to paths without ` +
      'symlinks';
    const isOfAnother = (path: string): string =>
      `Cannot show ${path} in the pod: it is not a directory of the user that QEMU runs as; check "user" in qemu.conf`;

    it('are there for QEMU where they are what libvirt made', async () => {
      const launched = launch();
      expect((await launched.ended).status, launched.stderr).to.equal(0);
      expect(launched.texts('text')).to.deep.equal([inside, inside]);
    });

    it("are not shown where the domain's directory is a symlink to another one of QEMU's user", async () => {
      rmSync(directory, { recursive: true });
      symlinkSync(node, directory);
      await expectRefused(hasLink(directory));
    });

    it('are not shown where a run file is a symlink to a file of the node', async () => {
      rmSync(runFile);
      symlinkSync(join(node, 'secret'), runFile);
      await expectRefused(hasLink(runFile));
    });

    it('are not shown where the directory of a run file is a symlink', async () => {
      rmSync(swtpm, { recursive: true });
      symlinkSync(node, swtpm);
      await expectRefused(hasLink(runFile));
    });

    for (const [whose, owner] of [
      ['of root', 0],
      ['of another user', uid + 1],
    ] as const)
      it(`are not shown where the domain's directory is ${whose}`, async () => {
        chownSync(directory, owner, gid);
        await expectRefused(isOfAnother(directory));
      });

    it("are not shown where the domain's directory is a file", async () => {
      rmSync(directory, { recursive: true });
      writeFileSync(directory, outside);
      chownSync(directory, uid, gid);
      await expectRefused(isOfAnother(directory));
    });
  });
