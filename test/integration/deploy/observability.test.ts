import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { observabilityDirectory, readQueries, rulesFile } from '../../support/observability.ts';
import { runCommand, type CommandResult } from '../../support/run-command.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';

const promtool = (...args: readonly string[]): Promise<CommandResult> =>
  runCommand('promtool', args, { allowFailure: true });

/** Prints how many samples there are, by the parser that Prometheus' own client for Python has. */
const parser = `
import sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
print(len(families), sum(len(family.samples) for family in families))
`;

describe('deploy/observability, by tools of Prometheus', function () {
  this.timeout(60_000);
  let scratch: Scratch;

  before(async function () {
    const found = await runCommand('sh', ['-c', 'command -v promtool'], { allowFailure: true });
    if (found.status !== 0) skip(this, 'there is no promtool (package prometheus)');
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  it('has rules that Prometheus takes, and that raise what they should', async () => {
    const checked = await promtool('check', 'rules', rulesFile);
    expect(checked.status, checked.stderr).to.equal(0);
    const tested = await promtool('test', 'rules', join(observabilityDirectory, 'rules.test.yaml'));
    expect(tested.status, tested.stdout + tested.stderr).to.equal(0);
  });

  it('has a dashboard whose queries Prometheus takes', async () => {
    const rules = readQueries().map((expr, index) => ({ record: `query:${index}`, expr }));
    const file = join(scratch.directory, 'queries.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { status, stdout, stderr } = await promtool('check', 'rules', '--lint=none', file);
    expect(status, stdout + stderr).to.equal(0);
    expect(rules).to.have.length.above(30);
  });

  describe('on the metrics of a daemon', () => {
    let driver: NodeDriver;
    let file: string;
    let text: string;

    before(async () => {
      const vmUuid = `metered-${scratch.id}`;
      const pod = await startSandbox(scratch, { vmUuid, vmName: 'metered', mounts: [fakeEmulatorMount] });
      driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
      await launchFake(driver, pod, { args: ['exit=7'] }).ended;
      await launchFake(driver, pod, { environment: { KUBEVIRT_IO_SECRET: 'wrong' } }).ended;
      text = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
      file = join(scratch.directory, 'metrics.txt');
      writeFileSync(file, text);
    });

    it('promtool finds no fault with ours', async () => {
      expect(text).to.include('launches_total{result="started",reason="none"} 1\n');
      // Some of those that prom-client brings are gauges called _total.
      const own = join(scratch.directory, 'own.txt');
      const lines = text.split('\n').filter((line) => /^(# \w+ )?kubevirt_node_driver_/.test(line));
      writeFileSync(own, `${lines.join('\n')}\n`);
      const { status, stdout, stderr } = await runCommand('sh', ['-c', `promtool check metrics < ${own}`], {
        allowFailure: true,
      });
      expect([status, stdout, stderr]).to.deep.equal([0, '', '']);
    });

    it('promtool can read all of them', async () => {
      const { status, stderr } = await runCommand('sh', ['-c', `promtool check metrics < ${file}`], {
        allowFailure: true,
      });
      // 3: there is something that it would name otherwise; 1: it can't read it.
      expect(status, stderr).to.be.oneOf([0, 3]);
      expect(stderr).to.not.match(/^kubevirt_|error while linting/m);
    });

    it("the parser of Prometheus' client for Python reads each sample", async function () {
      const module = ['-c', 'import prometheus_client.parser'];
      const found = await runCommand('/usr/bin/python3', module, { allowFailure: true });
      if (found.status !== 0) skip(this, 'there is no prometheus_client (package python3-prometheus-client)');
      const { stdout } = await runCommand('/usr/bin/python3', ['-c', parser, file]);
      const families = text.match(/^# TYPE /gm)?.length;
      const samples = text.match(/^[a-z]/gm)?.length;
      expect(stdout).to.equal(`${families ?? 0} ${samples ?? 0}\n`);
    });
  });
});
