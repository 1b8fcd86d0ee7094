import { expect } from 'chai';
import { chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { withFault } from '../support/fault-injection.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand, type CommandResult } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';
import { withoutSyscalls } from '../support/without-syscalls.ts';

const { uid, gid } = findQemuAccount();
/** A group of the node whose members can read its disks. */
const DISK = 6;

for (const mode of ['fork', 'exec'] as const)
  describe(`the directory of a domain in a pod whose root is the node's, in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let sandbox: Sandbox;
    let directory: string;

    before(async () => {
      scratch = Scratch.open('test');
      const state = join(scratch.directory, 'libvirt-qemu');
      directory = join(state, 'domain-1-owned');
      mkdirSync(directory, { recursive: true, mode: 0o750 });
      chownSync(directory, uid, gid);
      for (const [name, owner] of Object.entries({ own: uid, root: 0 })) {
        const file = join(directory, name);
        writeFileSync(file, `of ${name}`, { mode: 0o644 });
        chownSync(file, owner, owner === 0 ? 0 : gid);
      }
      driver = await startNodeDriver(scratch, {
        mode,
        settings: { emulator: fakeEmulator, 'libvirt-state': state },
      });
      sandbox = await startSandbox(scratch, {
        vmUuid: 'owned',
        vmName: 'owned',
        mounts: [fakeEmulatorMount],
        // The pod may choose its groups: QEMU is in this one, too.
        user: { uid: 107, gid: 107, groups: [DISK] },
      });
    });
    after(() => scratch.close());

    const key = (): readonly string[] => [
      '-object',
      `secret,id=masterKey0,format=raw,file=${join(directory, 'master-key.aes')}`,
    ];

    it("is QEMU's as ever", async () => {
      const launched = launchFake(driver, sandbox, {
        args: [...key(), `read=${directory}/own`, `write=${directory}/made`, `stat=${directory}/root`],
      });
      expect((await launched.ended).status, launched.stderr).to.equal(0);
      expect(launched.texts('text')).to.deep.equal(['of own']);
      expect(launched.facts('owner')).to.include.members([`${uid} ${gid}`, '65534 65534']);
      const made = statSync(join(directory, 'made'));
      expect([made.uid, made.gid]).to.deep.equal([uid, gid]);
    });

    /** Starts a VM while a system call fails for what makes the mount, from the second one on in fork mode. */
    const launchWithout = async (
      code: 'ENOSYS' | 'EPERM' | 'EAGAIN',
      syscall: 'clone' | 'mount_setattr',
    ): Promise<FakeLaunch> => {
      const args = [...key(), `read=${directory}/own`];
      if (mode === 'exec') {
        const ids = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
        const through = [...withoutSyscalls(code, [syscall]), '/usr/bin/env', ...ids];
        const launched = launchFake(driver, sandbox, { args, through, user: { uid: 0, gid: 0 } });
        await launched.ended;
        return launched;
      }
      const broker = await waitUntil('the daemon has a broker', () => driver.broker, 5000);
      return withFault(scratch, broker, `${syscall}:error=${code}:when=2+`, async () => {
        const launched = launchFake(driver, sandbox, { args });
        await launched.ended;
        return launched;
      });
    };

    it('is in no pod where it can be mounted like that, only not now', async () => {
      const launched = await launchWithout('EAGAIN', mode === 'exec' ? 'clone' : 'mount_setattr');
      expect((await launched.ended).status).to.equal(125);
      expect(launched.stderr).to.match(
        /^qemu-kube\S*: Cannot show .+ with no ids but QEMU's.*: Resource temporarily unavailable; .+\n$/,
      );
    });

    it('is there as it is where the kernel has no such mounts', async () => {
      const launched = await launchWithout('ENOSYS', 'mount_setattr');
      expect((await launched.ended).status, launched.stderr).to.equal(0);
      expect(launched.texts('text')).to.deep.equal(['of own']);
    });

    it("takes nothing of root's or of the pod's groups, though root of the pod gets hold of it", async () => {
      const launched = launchFake(driver, sandbox, { args: [...key(), 'wait'] });
      await launched.waitForLine('ready');
      expect(launched.facts('groups')[0]?.split(' ')).to.include(String(DISK));
      const before = readdirSync(directory);
      try {
        const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
        /** In the very mounts of the emulator, with all capabilities: more than by a fd that it passes. */
        const attempt = (...command: readonly string[]): Promise<CommandResult> =>
          runCommand('nsenter', [`--target=${pid}`, '--mount', '--', ...command], { allowFailure: true });
        for (const command of [
          ['touch', `${directory}/of-root`],
          ['mknod', `${directory}/disk`, 'b', '254', '0'],
          ['mkdir', `${directory}/of-root`],
          ['chown', '0:0', `${directory}/own`],
          ['chgrp', String(DISK), `${directory}/own`],
        ]) {
          const { status, stderr } = await attempt(...command);
          expect(status, command.join(' ')).to.not.equal(0);
          expect(stderr).to.match(/Value too large|Invalid argument/);
        }
      } finally {
        launched.stub.kill('SIGTERM');
        await launched.ended;
      }
      expect(readdirSync(directory)).to.deep.equal(before);
      expect(statSync(join(directory, 'own')).uid).to.equal(uid);
    });
  });
