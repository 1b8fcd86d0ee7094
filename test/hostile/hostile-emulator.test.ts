import { expect } from 'chai';
import { join } from 'node:path';
import { launchFake } from '../support/fake-launch.ts';
import { fixturesMount } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';

const breakOut = '/opt/fixtures/break-out';
/** What root may do in namespaces of its own: there it is let, so that its refusal means something. */
const harmless = [
  ...['setuid', 'setgid', 'setgroups', 'chroot', 'unshare-mnt', 'unshare-net', 'sethostname', 'nice'],
  ...['packet-socket', 'mount-tmpfs', 'mount-proc', 'remount-root', 'mknod-disk', 'mknod-memory'],
];
const harmful = [
  'bpf',
  'kexec_load',
  'init_module',
  'core_pattern',
  'sysrq',
  'cgroup',
  'kill-init',
  'trace-parent',
];

type Answers = ReadonlyMap<string, string>;

function answersOf(report: string): Answers {
  const found = [...report.matchAll(/^try (\S+) (\S+)$/gm)];
  return new Map(found.map(([, name = '', answer = '']) => [name, answer]));
}
const letOf = (answers: Answers): readonly string[] =>
  [...answers].filter(([, answer]) => answer === '0').map(([name]) => name);

describe('a program that tries to get out', function () {
  this.timeout(30_000);
  this.retries(0); // one success of the attacker is one too many

  it('gets what it wants where it may', async () => {
    const program = join(fixturesMount.source, 'break-out');
    const { stdout } = await runCommand('unshare', ['--mount', '--uts', '--fork', program, 'inside']);
    expect(letOf(answersOf(stdout))).to.include.members(harmless);
  });
});

for (const mode of ['fork', 'exec'] as const)
  describe(`a pod whose emulator is hostile, in ${mode} mode`, function () {
    this.timeout(120_000);
    this.retries(0); // one success of the attacker is one too many
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;
    let other: Sandbox;

    before(async () => {
      scratch = Scratch.open('test');
      const vm = { vmUuid: `hostile-${mode}`, vmName: 'hostile' };
      pod = await startSandbox(scratch, { ...vm, mounts: [fixturesMount] });
      other = await startSandbox(scratch, { vmUuid: `other-${mode}`, vmName: 'other' });
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: breakOut } });
    });
    after(() => scratch.close());

    const expectNothing = async (): Promise<void> => {
      const outside = [
        ...['/dev/sda', '/dev/vda', '/dev/loop0', '/dev/kvm', '/dev/kmsg'],
        ...[driver.logPath, driver.apiSocket, driver.launchSocket, `${driver.runDirectory}/state`],
        ...processFiles(driver.process.pid),
        ...processFiles(other.pid),
      ];
      const launch = launchFake(driver, pod, { args: outside });
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      const answers = answersOf(launch.report.join('\n'));
      expect([...answers.keys()]).to.include.members([...harmless, ...harmful, ...outside, 'setns']);
      expect(letOf(answers)).to.deep.equal([]);
    };

    it("gets nothing that is not the pod's", () => expectNothing());

    it('gets no more without the filter of system calls', async () => {
      await driver.end();
      driver.configure({ emulator: breakOut, seccomp: 'unconfined' });
      await driver.start();
      await expectNothing();
    });
  });

function processFiles(pid: number): readonly string[] {
  return ['root/etc/shadow', 'environ', 'mem', 'fd/0', 'ns/mnt', 'cgroup'].map(
    (file) => `/proc/${pid}/${file}`,
  );
}
