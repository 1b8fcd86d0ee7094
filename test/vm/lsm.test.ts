import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  type FakeLaunch,
  type FakeLaunchOptions,
} from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';

/** Like those that container runtimes load: allows a container what it needs, and no change of the profile. */
function buildProfile(name: string): string {
  const rules = [
    'file',
    'network',
    'capability',
    'signal',
    'ptrace',
    'unix',
    'mount',
    'umount',
    'pivot_root',
  ];
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {\n${rules.join(',\n')},\n}\n`;
}

for (const mode of ['fork', 'exec'] as const)
  describe(`the AppArmor profile of an emulator in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let profile: string;
    let count = 0;

    const load = async (name: string): Promise<void> => {
      const path = join(scratch.directory, name);
      writeFileSync(path, buildProfile(name));
      await runCommand('apparmor_parser', ['--replace', '--skip-cache', path]);
      scratch.defer('unload the profile', async () => {
        await runCommand('apparmor_parser', ['--remove', path]);
      });
    };

    before(async () => {
      scratch = Scratch.open('test');
      profile = `${scratch.id}-pod`;
      await load(profile);
      await load(`${scratch.id}-libvirt`);
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());

    const start = async (
      pod: Partial<SandboxOptions>,
      options: FakeLaunchOptions,
    ): Promise<{ readonly launch: FakeLaunch; readonly sandbox: Sandbox }> => {
      const name = `lsm-${++count}`;
      const sandbox = await startSandbox(scratch, {
        vmUuid: name,
        vmName: name,
        mounts: [fakeEmulatorMount],
        ...pod,
      });
      return { launch: launchFake(driver, sandbox, options), sandbox };
    };
    const labelOf = (pid: number | undefined): string =>
      readFileSync(`/proc/${pid ?? 0}/attr/apparmor/current`, 'utf8').trimEnd();
    const findLabel = async (pod: Partial<SandboxOptions>): Promise<string> => {
      const { launch, sandbox } = await start(pod, { args: ['wait'] });
      await launch.waitForLine('ready').catch((error: unknown) => {
        throw new Error(`${launch.stderr}${driver.log}`, { cause: error });
      });
      const label = labelOf(sandbox.processes.find((pid) => pid !== sandbox.pid));
      expect(label).to.equal(labelOf(sandbox.pid));
      launch.stub.kill('SIGTERM');
      await launch.ended;
      return label;
    };

    it("is the launcher's", async () => {
      expect(await findLabel({ apparmorProfile: profile })).to.equal(`${profile} (enforce)`);
    });

    it('is none where the launcher has none', async () => {
      // Debian 13 names what runc starts, and confines it to nothing.
      expect(await findLabel({})).to.match(/^(?:unconfined|\S+ \(unconfined\))$/u);
    });

    if (mode === 'exec')
      it('is the reason of a refusal where the profile of the stub does not let it change', async () => {
        const through = ['aa-exec', '--profile', `${scratch.id}-libvirt`, '--'];
        const { launch, sandbox } = await start({ apparmorProfile: profile }, { through });
        expect((await launch.ended).status).to.equal(125);
        expect(launch.stderr).to.match(
          new RegExp(
            `^qemu-kube-exec: Cannot give QEMU the security label of the pod \\(${profile}\\): .*; .*\\n$`,
          ),
        );
        expect(sandbox.processes).to.deep.equal([sandbox.pid]);
      });
  });
