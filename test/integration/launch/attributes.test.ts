import { expect } from 'chai';
import { copyFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake, runBare } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';
import { withSysctl } from '../../support/with-sysctl.ts';
import { withoutSyscalls } from '../../support/without-syscalls.ts';

const fixture = join(import.meta.dirname, '../../fixtures/build/with-attributes');
/** The kernel lacks what was to be set. */
const lacking = 77;

/** `MPOL_*` and what the kernel makes of it over node 0. */
const memoryPolicies = [
  ['preferred', 1, '1 1'],
  ['strict', 2, '2 1'],
  ['interleave', 3, '3 1'],
] as const;

for (const mode of ['fork', 'exec'] as const)
  describe(`what an emulator finds set for itself in ${mode} mode`, function () {
    this.timeout(30_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;
    let withAttributes: string;

    before(async () => {
      scratch = Scratch.open('test');
      // The tree may be where libvirt's user cannot go.
      withAttributes = join(scratch.directory, 'with-attributes');
      copyFileSync(fixture, withAttributes);
      sandbox = await startSandbox(scratch, {
        vmUuid: 'attributes',
        vmName: 'attributes',
        mounts: [fakeEmulatorMount],
      });
      // The stand-in asks for its keyring, which the filter forbids.
      driver = await startNodeDriver(scratch, {
        mode,
        settings: { emulator: fakeEmulator, seccomp: 'unconfined' },
      });
    });
    after(() => scratch.close());

    /** The one fact of that name that an emulator reports whose stub was started in this way; null: not supported. */
    const find = async (
      name: string,
      through: readonly string[],
      user?: { readonly uid: number; readonly gid: number },
    ): Promise<string | null> => {
      const launch = launchFake(driver, sandbox, { through, ...(user && { user }) });
      const { status } = await launch.ended;
      if (status === lacking) return null;
      expect(status, launch.stderr).to.equal(0);
      const [fact, ...others] = launch.facts(name);
      expect(others).to.deep.equal([]);
      return fact ?? null;
    };
    const findWith = (name: string, ...settings: readonly string[]): Promise<string | null> =>
      find(name, [withAttributes, ...settings, '--']);

    for (const [name, policy, expected] of memoryPolicies)
      it(`the NUMA policy "${name}"`, async function () {
        const found = await findWith('memory', `memory=${policy}`);
        if (found === null) skip(this, 'the kernel has no NUMA');
        expect(found).to.equal(expected);
      });

    it('no NUMA policy where the stub has none', async () => {
      expect(await findWith('memory')).to.be.oneOf(['0 0', null]);
    });

    it('the timer slack', async () => {
      expect(await findWith('timer_slack', 'slack=123456')).to.equal('123456');
    });

    it('a core-scheduling cookie', async function () {
      const found = await findWith('cookie', 'cookie=1');
      if (found === null) skip(this, 'the kernel has no core scheduling');
      expect(found).to.equal('1');
      expect(await findWith('cookie')).to.equal('0');
    });

    it('no personality that weakens the randomisation of addresses', async () => {
      const noRandomisation = '0x40000';
      expect(await findWith('personality', `personality=${noRandomisation}`)).to.equal('0');
    });

    it('no securebits, whatever the caller has', async () => {
      const { uid, gid } = findQemuAccount();
      // Exec mode needs what root has by its id, and cannot start without.
      const bits = mode === 'fork' ? '+noroot,+noroot_locked' : '+no_setuid_fixup,-no_setuid_fixup';
      const through = [
        ...['setpriv', '--securebits', bits, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'],
      ];
      expect(await find('securebits', through, { uid: 0, gid: 0 })).to.equal('0');
    });

    it('an empty session keyring of its own', async () => {
      const bare = runBare({});
      await bare.ended;
      const found = await findWith('keyring');
      expect(found).to.match(/^[1-9]\d* 0$/);
      expect(found).to.not.equal(bare.facts('keyring')[0]);
      expect(await findWith('keyring')).to.not.equal(found);
    });

    it("no keyring of its caller where root's quota has no room for a new one", async () => {
      await withSysctl('kernel/keys/root_maxkeys', '1', async () => {
        for (const keys of ['keys=0', 'keys=1']) {
          const launch = launchFake(driver, sandbox, {
            through: [withAttributes, keys, '--'],
            args: ['revoke'],
          });
          const { status } = await launch.ended;
          if (mode === 'exec') {
            expect(status, launch.stderr).to.equal(125);
            expect(launch.stderr).to.match(
              /^qemu-kube-exec: Cannot give QEMU a session keyring of its own: Quota exceeded; remove keys of root.+\n$/,
            );
            continue;
          }
          // That of the node driver's broker, in which there is nothing, and which nobody can change.
          expect(status, launch.stderr).to.equal(0);
          expect(launch.facts('keyring')[0]).to.match(/^[1-9]\d* 0$/);
          expect(launch.facts('revoke')).to.deep.equal([String(constants.errno.EACCES)]);
        }
      });
    });

    it("an empty session keyring of its own, whatever the quota of libvirt's user", async function () {
      const found = await findWith('keyring', 'keys=100000');
      if (found === null) skip(this, 'the kernel has no keys');
      expect(found).to.match(/^[1-9]\d* 0$/);
    });

    if (mode === 'exec') {
      for (const code of ['EPERM', 'ENOSYS'] as const)
        it(`all the same where there are no keyrings (${code})`, async () => {
          const { uid, gid } = findQemuAccount();
          const ids = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
          const through = [...withoutSyscalls(code, ['keyctl']), '/usr/bin/env', ...ids];
          expect(await find('uid', through, { uid: 0, gid: 0 })).to.match(new RegExp(`^${uid}\\b`));
        });
    }
  });
