import { expect } from 'chai';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  runBare,
  type FakeLaunch,
} from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { readStatusFields } from '../../support/processes.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';

/** Number, inode, type and close-on-exec flag of each fd; of 1 and 2, which are new each time, not the inode. */
function describeFds(launch: FakeLaunch): readonly string[] {
  return launch.facts('fd').map((fact) => fact.replace(/^([12]) \S+/, '$1'));
}

for (const mode of ['fork', 'exec'] as const)
  describe(`what an emulator gets from libvirt through the stub in ${mode} mode`, function () {
    this.timeout(30_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;
    const opened: number[] = [];

    before(async () => {
      scratch = Scratch.open('test');
      sandbox = await startSandbox(scratch, {
        vmUuid: 'hand-off',
        vmName: 'hand-off',
        mounts: [fakeEmulatorMount],
        user: { uid: 107, gid: 107, groups: [0, 2000] },
      });
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());
    afterEach(() => {
      for (const fd of opened.splice(0)) closeSync(fd);
    });

    const openFiles = (count: number): readonly number[] => {
      for (let i = 0; i < count; i++) opened.push(openSync(join(scratch.directory, `fd-${i}`), 'w+'));
      return opened;
    };

    /** The one line that a stub has said, without its name. */
    const lineOf = ({ stderr }: FakeLaunch): string => {
      expect(stderr.startsWith(`${driver.stubName}: `) && stderr.endsWith('\n'), stderr).to.equal(true);
      return stderr.slice(driver.stubName.length + 2, -1);
    };

    it('arguments byte for byte, with the real emulator as argv[0]', async () => {
      const args = [
        '',
        ' ',
        'a\nb',
        '"quoted" \'too\' $HOME `id` \\',
        'ü €',
        '{"qom-type":"x"}',
        'x'.repeat(120_000),
      ];
      const launch = launchFake(driver, sandbox, { args });
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      const expected = [fakeEmulator, '-name', 'guest=hand-off', ...args];
      expect(launch.texts('arg')).to.deep.equal(expected.map((each) => Buffer.from(each).toString('latin1')));
    });

    it('the environment byte for byte, less the secret', async () => {
      const environment = {
        EMPTY: '',
        LINES: 'a\nb',
        LD_PRELOAD: '/nothing',
        'kubevirt.io.secret': sandbox.secret ?? '',
      };
      const launch = launchFake(driver, sandbox, { environment });
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      expect([...launch.texts('env')].sort()).to.deep.equal([
        'EMPTY=',
        'KUBEVIRT_IO_VM_NAME=hand-off',
        'KUBEVIRT_IO_VM_UUID=hand-off',
        'LD_PRELOAD=/nothing',
        'LINES=a\nb',
      ]);
    });

    it('no secret is left in the stub once it was sent', async () => {
      const launch = launchFake(driver, sandbox, { args: ['wait'] });
      await launch.waitForLine('ready');
      const environment = readFileSync(`/proc/${launch.pid}/environ`, 'latin1');
      expect(environment).to.include('KUBEVIRT_IO_VM_UUID=').and.not.include(sandbox.secret);
      launch.stub.kill('SIGTERM');
      expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    });

    for (const count of [0, 1, 250, 251, 600, 990])
      it(`${count} fds beside 0, 1 and 2, with their numbers, and no other`, async () => {
        const fds = openFiles(count);
        const launch = launchFake(driver, sandbox, { fds });
        expect((await launch.ended).status, launch.stderr).to.equal(0);
        // The same without anything between: what this process itself inherited comes along in both.
        const bare = runBare({ fds });
        await bare.ended;
        expect(describeFds(launch)).to.deep.equal(describeFds(bare));
        expect(bare.facts('fd')).to.have.lengthOf.at.least(count + 3);
      });

    it('fds of high and scattered numbers', async () => {
      const script = 'ulimit -n 5000; exec 5</dev/zero 300</dev/null 4000</dev/full; exec "$@"';
      const through = ['bash', '-c', script, 'bash'];
      const launch = launchFake(driver, sandbox, { through });
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      const bare = runBare({ through });
      await bare.ended;
      expect(describeFds(launch)).to.deep.equal(describeFds(bare));
      expect(describeFds(bare).join()).to.match(/\b300 .*\b4000 /);
    });

    it('not more than 1,000 fds', async () => {
      const launch = launchFake(driver, sandbox, { fds: openFiles(998) });
      expect((await launch.ended).status).to.equal(125);
      expect(lineOf(launch)).to.match(/^Cannot pass on more than 1000 inherited fds; .*$/);
    });

    it('no directory', async () => {
      opened.push(openSync('/etc', 'r'));
      const launch = launchFake(driver, sandbox, { fds: opened });
      expect((await launch.ended).status).to.equal(125);
      expect(lineOf(launch)).to.match(/^Cannot pass fd 3 to the pod: Is a directory; .*$/);
    });

    it('no O_PATH fd', async () => {
      opened.push(openSync('/dev/null', 0o10000000));
      const launch = launchFake(driver, sandbox, { fds: opened });
      expect((await launch.ended).status).to.equal(125);
      expect(lineOf(launch)).to.match(/^Cannot pass fd 3, an O_PATH one to the pod: .*$/);
    });

    it('the ids of the caller, the fsGroup of the pod, and no privilege', async () => {
      const launch = launchFake(driver, sandbox, {
        user: { uid: 0, gid: 0 },
        // What a caller may inherit survives a change of ids and an exec.
        through: [
          ...['setpriv', '--inh-caps', '+net_raw', '--reuid', '64055', '--regid', '107'],
          ...['--groups', '107,4242'],
        ],
        args: ['wait'],
      });
      await launch.waitForLine('ready');
      expect(launch.facts('uid')).to.deep.equal(['64055 64055 64055']);
      expect(launch.facts('gid')).to.deep.equal(['107 107 107']);
      expect(launch.facts('groups')).to.deep.equal(['107 2000 4242']);
      expect(launch.facts('no_new_privs')).to.deep.equal(['1']);
      // A process of the shim has a session of its own; the stub keeps what libvirt gave it.
      expect(launch.facts('session')).to.deep.equal([mode === 'fork' ? '1' : '0']);
      const [emulator] = sandbox.processes.filter((pid) => pid !== sandbox.pid);
      const status = readFileSync(`/proc/${emulator}/status`, 'utf8');
      for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
        expect(status).to.match(new RegExp(`Cap${set}:\t0+\n`));
      launch.stub.kill('SIGTERM');
      await launch.ended;
    });

    it("the caller's umask, working directory and limits, and no ignored signal", async () => {
      const prepare =
        'umask 0137; ulimit -n 512; ulimit -c 0; ulimit -l 77; trap "" PIPE CHLD USR1; cd /tmp; exec "$@"';
      const launch = launchFake(driver, sandbox, {
        through: ['bash', '-c', prepare, 'bash'],
        directory: tmpdir(),
      });
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      expect(launch.facts('umask')).to.deep.equal(['137']);
      expect(launch.texts('cwd')).to.deep.equal(['/tmp']);
      expect(launch.facts('limit')).to.include.members(['4 0 0', '7 512 512', `8 ${77 * 1024} ${77 * 1024}`]);
      expect(launch.facts('ignored')).to.deep.equal([]);
    });

    it("the caller's CPUs, scheduling policy, nice value and I/O priority, the launcher's OOM score", async () => {
      writeFileSync(`/proc/${sandbox.pid}/oom_score_adj`, '321');
      const through = [
        'taskset',
        '--cpu-list',
        '0',
        'chrt',
        '--batch',
        '0',
        'nice',
        '-n',
        '7',
        'ionice',
        '-c',
        '2',
        '-n',
        '6',
      ];
      const launch = launchFake(driver, sandbox, { args: ['wait'], through });
      await launch.waitForLine('ready');
      const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
      const ask = async (command: string, ...args: readonly string[]): Promise<string> =>
        (await runCommand(command, [...args, String(pid)])).stdout.trim();
      expect(await ask('chrt', '--pid')).to.include('SCHED_BATCH');
      expect(await ask('ionice', '--pid')).to.equal('best-effort: prio 6');
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      expect(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16], 'nice').to.equal('7');
      expect(readStatusFields(Number(pid)).get('Cpus_allowed_list')).to.equal('0');
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1').trim()).to.equal('321');
      expect(readFileSync(`/proc/${pid}/personality`, 'latin1').trim()).to.equal('00000000');
      launch.stub.kill('SIGTERM');
      await launch.ended;
    });

    it('refuses a working directory that the pod does not have', async () => {
      const launch = launchFake(driver, sandbox, { directory: scratch.directory });
      expect((await launch.ended).status).to.equal(125);
      expect(lineOf(launch)).to.match(/^Cannot use \S+ as working directory in the pod: .*; .*$/);
    });

    for (const status of [0, 1, 42, 255])
      it(`exit status ${status}`, async () => {
        const launch = launchFake(driver, sandbox, { args: [`exit=${status}`] });
        expect(await launch.ended).to.deep.equal({ status, signal: null });
      });

    for (const [number, signal] of [
      [6, 'SIGABRT'],
      [9, 'SIGKILL'],
      [11, 'SIGSEGV'],
      [15, 'SIGTERM'],
    ] as const)
      it(`an end by ${signal}`, async () => {
        const launch = launchFake(driver, sandbox, { args: [`raise=${number}`] });
        expect(await launch.ended).to.deep.equal({ status: null, signal });
      });
  });
