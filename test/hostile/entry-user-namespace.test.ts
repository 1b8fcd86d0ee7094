import { expect } from 'chai';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { startSandbox, type SandboxOptions } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';
import { readFileSync } from 'node:fs';

for (const mode of ['fork', 'exec'] as const)
  describe(`a pod that makes a user namespace for itself, in ${mode} mode`, function () {
    this.timeout(60_000);
    this.retries(0); // one success of the attacker is one too many
    let scratch: Scratch;
    let driver: NodeDriver;
    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());

    /** Gives what a launch into the pod is refused with. */
    const refuse = async (name: string, options: Partial<SandboxOptions>, map: RegExp): Promise<string> => {
      const vm = { vmUuid: `${name}-${mode}`, vmName: name };
      const launcher = ['virt-launcher', '-kubevirt.vm.uuid', vm.vmUuid, '-kubevirt.vm.name', name];
      const argv = [...(options.argv ?? []), ...launcher];
      const sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount], ...options, argv });
      await waitUntil(
        'its launcher runs in that namespace',
        () =>
          readFileSync(`/proc/${sandbox.pid}/comm`, 'latin1') === 'virt-launcher\n' &&
          map.test(readFileSync(`/proc/${sandbox.pid}/gid_map`, 'latin1'))
            ? true
            : undefined,
        5000,
      );
      const launch = launchFake(driver, sandbox, { args: ['exit=42'] });
      expect((await launch.ended).status).to.equal(125);
      await waitUntil(
        'nothing is left in the pod',
        () => (sandbox.processes.length === 1 ? true : undefined),
        5000,
      );
      return launch.stderr;
    };

    it("is not entered where the pod has the node's users otherwise", async () => {
      const argv = ['unshare', '--user', '--map-user=107', '--map-group=107', '--'];
      expect(await refuse('own', { argv }, /^ +107 +107 +1\n$/)).to.match(
        /^qemu-kube\S*: Cannot be a user of the pod: its user namespace lets nobody choose groups; .*\n$/,
      );
    });

    it('is not entered inside of the one that the pod has', async () => {
      const map = 'echo 0 0 65536';
      const script = `(sleep 0.5; ${map} > /proc/1/uid_map; ${map} > /proc/1/gid_map) & exec unshare --user -- "$@"`;
      const options = {
        argv: ['sh', '-c', script, 'sh'],
        user: { uid: 0, gid: 0 },
        firstUserId: 1_000_000,
        capabilities: ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETFCAP'],
      };
      expect(await refuse('inner', options, /^ +0 +1000000 +65536\n$/)).to.match(
        /^qemu-kube\S*: Cannot enter the pod: its user namespace was made by user 1000000, and not by the .*; start .*\n$/,
      );
    });
  });
