import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEngineSeccomp } from '../../support/engine-seccomp.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';

const probe = '/opt/syscall-probe';
const probeMount = {
  source: join(import.meta.dirname, '../../fixtures/build/syscall-probe'),
  destination: probe,
  readOnly: true,
};
/** EPERM, ENOSYS and, for kinds of sockets, EINVAL and EAFNOSUPPORT: what a filter answers, or the kernel without it. */
const denials = new Set(['1', '38']);

type Answers = ReadonlyMap<string, string>;

function answersOf(report: string): Answers {
  const found = [...report.matchAll(/^call (\S+) (\S+)$/gm)];
  return new Map(found.map(([, name = '', answer = '']) => [name, answer]));
}

for (const mode of ['fork', 'exec'] as const)
  describe(`the seccomp filter of QEMU in ${mode} mode`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;

    before(async () => {
      scratch = Scratch.open('test');
      const seccomp = readEngineSeccomp();
      sandbox = await startSandbox(scratch, {
        vmUuid: `seccomp-${mode}`,
        vmName: 'seccomp',
        mounts: [fakeEmulatorMount, probeMount],
        ...(seccomp !== null && { seccomp }),
      });
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: probe } });
    });
    after(() => scratch.close());

    const restart = async (settings: Readonly<Record<string, string>>): Promise<void> => {
      await driver.end();
      driver.configure(settings);
      await driver.start();
    };
    const launch = async (): Promise<{ readonly report: string; readonly answers: Answers }> => {
      const launched = launchFake(driver, sandbox);
      expect(await launched.ended, launched.stderr).to.deep.equal({ status: 0, signal: null });
      const report = launched.report.join('\n');
      return { report, answers: answersOf(report) };
    };

    it("denies all that the container runtime's default denies to a process of the same pod", async function () {
      if (readEngineSeccomp() === null) skip(this, "the container engines' profile is not installed");
      const { report, answers } = await launch();
      expect(report).to.match(/^seccomp 2$/m);
      const theirs = answersOf((await sandbox.exec([probe])).stdout);
      const bare = answersOf((await runCommand(probeMount.source, [])).stdout);
      expect(theirs.size).to.equal(answers.size).and.to.be.greaterThan(45);
      const weaker = [...theirs].filter(
        ([name, answer]) =>
          answer !== '0' && answer !== bare.get(name) && ['0', bare.get(name)].includes(answers.get(name)),
      );
      expect(weaker).to.deep.equal([]);
      // Not because the kernel denies them anyway: without a filter these are answered otherwise.
      const denied = [...answers].filter(([, answer]) => denials.has(answer)).map(([name]) => name);
      expect(denied).to.include.members(
        [
          'unshare-user',
          'unshare-nothing',
          'clone-user',
          'clone3-user',
          'mount',
          'bpf',
          'keyctl',
          'ptrace',
        ].concat([
          ...[
            'add_key',
            'open_by_handle_at',
            'personality-no-randomisation',
            'socket-vsock',
            'socket-vsock-junk',
          ],
          ...['io_uring_setup', 'userfaultfd', 'process_vm_readv', 'setns', 'pidfd_getfd', 'tiocsti'],
        ]),
      );
      expect(denied.filter((name) => ['clone-plain', 'socket-unix', 'seccomp'].includes(name))).to.deep.equal(
        [],
      );
    });

    it('is one on top of which QEMU can set its own', async () => {
      expect((await launch()).answers.get('seccomp')).to.equal('14');
    });

    it('is none where the configuration says so, and the log says that', async () => {
      await restart({ emulator: probe, seccomp: 'unconfined' });
      const { report, answers } = await launch();
      expect(report).to.match(/^seccomp 0$/m);
      expect(answers.get('unshare-user')).to.equal('0');
      // A filter could not be loaded otherwise: without one, nothing else would miss it.
      expect(report).to.match(/^no_new_privs 1$/m);
      expect(driver.log).to.include('QEMU runs without a seccomp filter');
    });

    it('is the profile in a file', async () => {
      const profile = join(scratch.directory, 'profile.json');
      const syscalls = [
        { names: ['keyctl'], action: 'SCMP_ACT_ERRNO', errnoRet: 77 },
        {
          names: ['bpf'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 0, value: 4294967295, op: 'SCMP_CMP_MASKED_EQ', valueTwo: 4294967295 }],
          errnoRet: 78,
        },
      ];
      writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
      await restart({ emulator: probe, seccomp: profile });
      const { report, answers } = await launch();
      expect(report).to.match(/^seccomp 2$/m);
      expect(answers.get('keyctl')).to.equal('77');
      expect(answers.get('bpf')).to.equal('78');
      expect(answers.get('unshare-user')).to.equal('0');
    });

    it('is loaded last, and is in force for the whole emulator', async () => {
      await restart({ emulator: fakeEmulator });
      const waiting = launchFake(driver, sandbox, { args: ['wait'] });
      await waiting.waitForLine('ready');
      const pid = mode === 'exec' ? waiting.pid : sandbox.processes.find((each) => each !== sandbox.pid);
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      expect(status)
        .to.match(/^NoNewPrivs:\t1$/m)
        .and.match(/^Seccomp:\t2$/m)
        .and.match(/^Seccomp_filters:\t1$/m);
      waiting.stub.kill('SIGTERM');
      await waiting.ended;
    });

    it('refuses a profile that it does not understand when it starts, with file and key', async () => {
      const profile = join(scratch.directory, 'notify.json');
      writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_NOTIFY' }));
      await driver.end();
      driver.configure({ emulator: probe, seccomp: profile });
      const { status, stderr, stdout } = await driver.run(['serve', '--config', driver.configPath], {
        allowFailure: true,
      });
      expect(status).to.equal(78);
      expect(stdout + stderr)
        .to.include(profile)
        .and.include('defaultAction')
        .and.include('SCMP_ACT_NOTIFY');
    });
  });
