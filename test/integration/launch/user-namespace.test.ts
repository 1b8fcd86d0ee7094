import { expect } from 'chai';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  type FakeLaunch,
  type FakeLaunchOptions,
} from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { readNamespace, readStatusFields } from '../../support/processes.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';

const first = 1_000_000;
const CAP_SYS_RESOURCE = 1n << 24n;
const { uid, gid } = findQemuAccount();

for (const mode of ['fork', 'exec'] as const)
  describe(`an emulator in a pod with a user namespace, in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;
    let projected: string;
    let unfit: string;

    before(async () => {
      scratch = Scratch.open('test');
      projected = join(scratch.directory, 'projected');
      mkdirSync(projected);
      for (const [name, owner] of [
        ['own', uid],
        ['root', 0],
      ] as const) {
        writeFileSync(join(projected, name), `of ${name}`, { mode: 0o644 });
        chownSync(join(projected, name), owner, owner);
      }
      chmodSync(join(projected, 'own'), 0o600);
      chownSync(projected, uid, gid);
      chmodSync(projected, 0o700);
      unfit = join(scratch.directory, 'unfit');
      sandbox = await startSandbox(scratch, {
        vmUuid: `users-${mode}`,
        vmName: 'users',
        mounts: [fakeEmulatorMount],
        user: { uid: 107, gid: 107, groups: [0, 2000] },
        firstUserId: first,
      });
      driver = await startNodeDriver(scratch, {
        mode,
        settings: {
          emulator: fakeEmulator,
          project: `${projected}, ${unfit}`,
          'launch-users': `${uid}, 64055, 65536`,
        },
        // A hard limit of its own, which a user namespace gives nobody the right to raise.
        run: (command, log) => scratch.startBackground('prlimit', ['--memlock=65536:65536', ...command], log),
      });
    });
    after(() => scratch.close());

    const launch = (options: FakeLaunchOptions = {}): FakeLaunch => launchFake(driver, sandbox, options);
    const succeed = async (options: FakeLaunchOptions): Promise<FakeLaunch> => {
      const launched = launch(options);
      expect((await launched.ended).status, launched.stderr).to.equal(0);
      return launched;
    };
    const refuse = async (options: FakeLaunchOptions): Promise<string> => {
      const launched = launch(options);
      expect((await launched.ended).status).to.equal(125);
      expect(sandbox.processes).to.deep.equal([sandbox.pid]);
      return launched.stderr;
    };
    /** Runs an emulator that stays; gives its pid to whoever looks. */
    const stay = async (
      options: FakeLaunchOptions,
      look: (pid: number, launched: FakeLaunch) => Promise<void> | void,
    ): Promise<void> => {
      const launched = launch({ ...options, args: [...(options.args ?? []), 'wait'] });
      await launched.waitForLine('ready');
      const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
      try {
        await look(pid ?? NaN, launched);
      } finally {
        launched.stub.kill('SIGTERM');
        await launched.ended;
      }
    };
    const asRoot = { user: { uid: 0, gid: 0 } };
    const as = (user: number, group: number, groups: string): FakeLaunchOptions => ({
      ...asRoot,
      through: ['setpriv', '--reuid', String(user), '--regid', String(group), '--groups', groups],
    });

    it('is in that namespace, in all others of the pod, and in its cgroups', () =>
      stay({}, (pid) => {
        for (const name of ['user', 'net', 'ipc', 'uts', 'cgroup'] as const)
          expect(readNamespace(pid, name), name).to.equal(readNamespace(sandbox.pid, name));
        expect(readNamespace(pid, 'user')).to.not.equal(readNamespace(process.pid, 'user'));
        expect(readFileSync(`/proc/${pid}/uid_map`, 'latin1')).to.match(/^ +0 +1000000 +65536\n$/);
        const read = (of: number): string => readFileSync(`/proc/${of}/cgroup`, 'latin1');
        expect(read(pid)).to.equal(read(sandbox.pid)).and.include(sandbox.cgroup);
      }));

    it("has the caller's ids and the pod's fsGroup as the pod numbers them, others on the node, and no privilege", () =>
      stay(as(64055, 107, '107,4242'), (pid, launched) => {
        expect(launched.facts('uid')).to.deep.equal(['64055 64055 64055']);
        expect(launched.facts('gid')).to.deep.equal(['107 107 107']);
        expect(launched.facts('groups')).to.deep.equal(['107 2000 4242']);
        expect(launched.facts('no_new_privs')).to.deep.equal(['1']);
        expect(launched.facts('securebits')).to.deep.equal(['0']);
        const status = readStatusFields(pid);
        expect(status.get('Uid')).to.equal(
          Array(4)
            .fill(first + 64055)
            .join('\t'),
        );
        expect(status.get('Gid')).to.equal(
          Array(4)
            .fill(first + 107)
            .join('\t'),
        );
        expect(status.get('Groups')).to.equal('1000107 1002000 1004242');
        for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
          expect(status.get(`Cap${set}`), set).to.match(/^0+$/);
        expect(status.get('Seccomp')).to.equal('2');
      }));

    it('makes files that belong to the id of the node that its own is mapped to', async () => {
      const launched = await succeed({ args: [`write=/tmp/made-${mode}`] });
      expect(launched.facts('owner')).to.deep.equal([`${uid} ${gid}`]);
      const made = statSync(join(sandbox.rootfs, `tmp/made-${mode}`));
      expect([made.uid, made.gid]).to.deep.equal([first + uid, first + gid]);
    });

    it("sees libvirt's files as its own, and what it makes there is libvirt's", async () => {
      const launched = await succeed({
        args: [`stat=${projected}`, `read=${projected}/own`, `write=${projected}/made`],
      });
      expect(launched.facts('owner')).to.deep.equal([`${uid} ${gid}`, `${uid} ${gid}`]);
      expect(launched.texts('text')).to.deep.equal(['of own']);
      const made = statSync(join(projected, 'made'));
      expect([made.uid, made.gid]).to.deep.equal([uid, gid]);
    });

    it("has in a projection no id but its own: root's is nobody's there", async () => {
      const launched = await succeed({ args: [`stat=${projected}/root`, `read=${projected}/root`] });
      expect(launched.facts('owner')).to.deep.equal(['65534 65534']);
      expect(launched.texts('text')).to.deep.equal(['of root']);
      await stay({}, async (pid) => {
        // Root of the pod, with all capabilities there, in the very mounts of the emulator.
        for (const command of [
          ['touch', `${projected}/of-pod-root`],
          ['chgrp', '2000', `${projected}/own`],
        ]) {
          const args = ['--target', String(pid), '--user', '--mount', '--', ...command];
          const { status, stderr } = await runCommand('nsenter', args, { allowFailure: true });
          expect(status, command[0]).to.not.equal(0);
          expect(stderr).to.match(/Value too large|Invalid argument/);
        }
      });
    });

    it('finds the directories on the way to a projection to be of the root of the pod', async () => {
      const launched = await succeed({ args: [`stat=${scratch.directory}`, `stat=/var`] });
      expect(launched.facts('owner')).to.deep.equal(['0 0', '0 0']);
    });

    it("has the caller's limits, also above those of the node driver", async function () {
      if (
        mode === 'fork' &&
        (BigInt(`0x${readStatusFields(process.pid).get('CapEff') ?? '0'}`) & CAP_SYS_RESOURCE) === 0n
      )
        skip(this, 'nobody here has CAP_SYS_RESOURCE');
      const prepare = 'ulimit -S -l 77; ulimit -H -l 99; exec "$@"';
      const launched = await succeed({ through: ['bash', '-c', prepare, 'bash'] });
      expect(launched.facts('limit')).to.include.members([`8 ${77 * 1024} ${99 * 1024}`]);
    });

    it('uses the fds that libvirt opened', async () => {
      const file = openSync(join(scratch.directory, 'passed'), 'w+');
      try {
        const launched = await succeed({ fds: [file] });
        expect(launched.facts('fd').map((fact) => fact.split(' ')[0])).to.include('3');
      } finally {
        closeSync(file);
      }
    });

    for (const [what, user, group, groups, expected] of [
      ['user', 65_536, gid, String(gid), 'user 65536'],
      ['group', uid, 70_000, '107', 'group 70000'],
      ['supplementary group', uid, gid, '80000', 'group 80000'],
    ] as const)
      it(`is refused with a ${what} that the namespace does not have`, async () => {
        expect(await refuse(as(user, group, groups))).to.match(
          new RegExp(
            `^qemu-kube\\S*: Cannot be ${expected} in the pod: its user namespace has no such \\w+; run QEMU with ids .*\n$`,
          ),
        );
      });

    it('is refused where a file of libvirt is on a file system that can give it no other owner', async () => {
      mkdirSync(unfit);
      await runCommand('mount', ['-t', 'ramfs', 'ramfs', unfit]);
      try {
        expect(await refuse({})).to.match(
          new RegExp(
            `^qemu-kube\\S*: Cannot show ${unfit} on ramfs with no ids but QEMU's: Invalid argument; use a .*\n$`,
          ),
        );
      } finally {
        await runCommand('umount', [unfit]);
      }
    });
  });
