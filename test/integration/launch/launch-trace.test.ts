import { expect } from 'chai';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { launchModes } from '../../../daemon/machines/machine.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

interface Line {
  readonly msg?: string;
  readonly event?: string;
  readonly component?: string;
  readonly launchId?: string;
  readonly cause?: string;
  readonly seconds?: number;
  /** In the log. */
  readonly steps?: readonly string[];
}

interface ShownMachine {
  readonly launchID: string;
  readonly state: string;
  readonly shim: { readonly pid: number } | null;
  readonly steps: readonly { readonly step: string; readonly milliseconds: number }[];
}

const lateSteps = { fork: ['hand-over', 'start'], exec: ['hand-over', 'start'] } as const;

function parseLines(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

for (const mode of launchModes)
  describe(`a launch in ${mode} mode, for who looks for it afterwards`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let pod: Sandbox;
    let driver: NodeDriver;
    let audit: string;
    let launch: FakeLaunch;
    let shown: ShownMachine;

    const show = async (): Promise<ShownMachine> => {
      const socket = ['--socket', driver.apiSocket, '--json'];
      const { stdout } = await driver.run(['machines', 'list', ...socket]);
      const list = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as ShownMachine);
      const id = list.at(-1)?.launchID ?? '';
      return JSON.parse((await driver.run(['machines', 'show', id, ...socket])).stdout) as ShownMachine;
    };

    before(async () => {
      scratch = Scratch.open('test');
      audit = join(scratch.directory, 'audit/audit.log');
      pod = await startSandbox(scratch, {
        vmUuid: `traced-${mode}`,
        vmName: 'traced',
        mounts: [fakeEmulatorMount],
      });
      driver = await startNodeDriver(scratch, {
        mode,
        settings: { emulator: fakeEmulator, 'audit-log': audit, 'log-format': 'json' },
      });
      launch = launchFake(driver, pod, { args: ['wait'] });
      await launch.waitForLine('ready');
      shown = await waitUntil(
        'the machine runs',
        async () => {
          const machine = await show();
          return machine.state === 'running' ? machine : undefined;
        },
        5000,
      );
    });
    after(() => scratch.close());

    it('tells its steps, which add up to the time that it took, by API, log, audit log and metrics', async () => {
      const names = shown.steps.map(({ step }) => step);
      const early = ['receive', 'identify', 'find', 'secret', 'reserve', 'lock', 'prepare'];
      expect(names).to.deep.equal([...early, ...lateSteps[mode]]);
      const log = parseLines(driver.log).find(({ msg }) => msg === 'Started a VM in its pod');
      const outcome = parseLines(readFileSync(audit, 'utf8')).find(({ event }) => event === 'outcome');
      const sum = shown.steps.reduce((all, { milliseconds }) => all + milliseconds, 0) / 1000;
      for (const line of [log, outcome]) {
        expect(line?.launchId).to.equal(shown.launchID);
        expect(line?.seconds).to.be.at.least(sum - 0.001);
        // What is between QEMU's start and the line about it.
        expect(line?.seconds).to.be.below(sum + 0.5);
      }
      // Rounded on another way each.
      const logged = (log?.steps ?? []).map((text) => text.split(' '));
      expect(logged.map(([step]) => step)).to.deep.equal(names);
      for (const [index, [, text]] of logged.entries())
        expect(Number(text)).to.be.closeTo(shown.steps[index]?.milliseconds ?? NaN, 0.06);
      expect(Object.keys(outcome?.steps ?? {})).to.deep.equal(names);
      const metrics = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
      for (const step of names)
        expect(metrics).to.include(
          `kubevirt_node_driver_launch_step_duration_seconds_count{step="${step}",mode="${mode}"} 1\n`,
        );
      expect(metrics).to.include(`kubevirt_node_driver_machines{state="running",mode="${mode}"} 1\n`);
      expect(metrics).to.include('kubevirt_node_driver_candidates_sum{verdict="usable"} 1\n');
    });

    it('has one id, which each line about it carries, as do its supervisor and what is on disk', async () => {
      const { launchID, shim } = shown;
      if (mode === 'fork')
        expect(readFileSync(`/proc/${shim?.pid ?? 0}/cgroup`, 'latin1')).to.match(
          new RegExp(`:/kubevirt-node-driver/${launchID}$`, 'm'),
        );
      const record: unknown = JSON.parse(
        readFileSync(join(driver.runDirectory, 'state', launchID, 'launch.json'), 'utf8'),
      );
      expect(record).to.have.nested.property('machine.launchId', launchID);
      await driver.run(['machines', 'signal', launchID, 'HUP', '--socket', driver.apiSocket], {
        allowFailure: true,
      });
      const about = parseLines(driver.log).filter(
        ({ component = '', msg = '' }) =>
          ['launch', 'machines'].includes(component) || msg === 'A VM was signalled',
      );
      expect(about.map(({ msg }) => msg)).to.include.members([
        'Started a VM in its pod',
        'A VM was signalled',
      ]);
      for (const line of about) expect(line.launchId, line.msg).to.equal(launchID);
      for (const line of parseLines(readFileSync(audit, 'utf8'))) expect(line.launchId).to.equal(launchID);
    });

    it('keeps its steps over a restart of the daemon', async () => {
      await driver.end('SIGKILL');
      await driver.start();
      const again = await show();
      expect(again.steps).to.deep.equal(shown.steps);
      const metrics = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
      expect(metrics).to.include('kubevirt_node_driver_adopted_machines{state="running"} 1\n');
      expect(metrics).to.match(/^kubevirt_node_driver_adoption_duration_seconds [0-9.e-]+$/m);
    });

    it('has its id in the line that libvirt shows, whoever refuses it', async () => {
      const wrong = { environment: { KUBEVIRT_IO_SECRET: 'wrong' } };
      const nowhere = { directory: '/nowhere-in-the-pod' };
      mkdirSync(nowhere.directory, { recursive: true });
      scratch.defer('remove a directory', () => rmSync(nowhere.directory, { recursive: true }));
      const other = await startSandbox(scratch, {
        vmUuid: `refused-${mode}`,
        vmName: 'refused',
        mounts: [fakeEmulatorMount],
      });
      // By the daemon; and by the shim, or the stub of exec mode, which has entered the pod.
      for (const options of [wrong, nowhere]) {
        const refused = launchFake(driver, other, options);
        expect((await refused.ended).status).to.equal(125);
        const said = /^qemu-kube(?:-exec)?: Cannot [^\n]+; [^\n]+ \(launch ([0-9a-f-]{36})\)\n$/.exec(
          refused.stderr,
        );
        expect(said, refused.stderr).to.not.equal(null);
        // A shim tells the stub first.
        const line = await waitUntil(
          'the log has the refusal',
          () => parseLines(driver.log).find(({ launchId }) => launchId === said?.[1]),
          5000,
        );
        expect(line.msg).to.equal('Refused a launch');
        // Once in a line is enough: what is alike must look alike to who counts it.
        expect(line.cause).to.be.a('string').and.to.not.include('(launch ');
      }
    });

    it('says how far it got when it is refused, under its id', async () => {
      const refused = launchFake(driver, pod, { environment: { KUBEVIRT_IO_SECRET: 'wrong' } });
      expect((await refused.ended).status).to.equal(125);
      const line = parseLines(driver.log).findLast(({ msg }) => msg === 'Refused a launch');
      expect(line?.launchId).to.be.a('string').and.to.not.equal(shown.launchID);
      expect(String(line?.steps)).to.match(/^receive [\d.]+,identify [\d.]+,find [\d.]+,secret [\d.]+$/);
    });
  });
