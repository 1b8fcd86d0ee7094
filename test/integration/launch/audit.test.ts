import { expect } from 'chai';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { signalProcess } from '../../support/processes.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { createWatchedApiClient } from '../../support/secret-watch/watched-api-client.ts';
import { waitUntil } from '../../support/wait-until.ts';

type Line = Readonly<Record<string, unknown>>;

describe('the audit log of a daemon', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let sandbox: Sandbox;
  let driver: NodeDriver;
  let directory: string;
  let file: string;

  before(async () => {
    scratch = Scratch.open('test');
    directory = join(scratch.directory, 'audit');
    file = join(directory, 'audit.log');
    mkdirSync(directory, { mode: 0o700 });
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'knd-audit', directory]);
    scratch.defer('unmount the audit log', async () => {
      await runCommand('umount', ['-l', directory]);
    });
    sandbox = await startSandbox(scratch, {
      vmUuid: 'audited',
      vmName: 'audited',
      mounts: [fakeEmulatorMount],
    });
    driver = await startNodeDriver(scratch, {
      settings: { emulator: fakeEmulator, 'audit-log': file, 'audit-required': 'yes', 'status-page': 'yes' },
    });
  });
  after(() => scratch.close());

  const lines = (path = file): readonly Line[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  const launch = async (args: readonly string[], environment = {}): Promise<string> => {
    const started = launchFake(driver, sandbox, { args, environment });
    const { status } = await started.ended;
    return `${status ?? 'signal'} ${started.stderr}`;
  };
  const checks = (...names: readonly string[]): readonly Line[] =>
    names.map((check) => ({ check, verdict: 'ok' }));

  it('has two lines for a launch that is allowed: that it is, and what came of it', async () => {
    expect(await launch(['exit=7'])).to.equal('7 ');
    // The stub of an emulator that ends at once may be quicker than the daemon's note of how it went.
    await waitUntil('both are noted', () => (lines().length > 1 ? true : undefined), 5000);
    const [allowed, outcome, ...more] = lines();
    expect(more).to.deep.equal([]);
    const before = ['caller', 'limits', 'request', 'identity', 'target', 'secret', 'running'];
    expect(allowed).to.deep.include({
      event: 'launch',
      decision: 'allowed',
      code: null,
      checks: checks(...before),
      vm: { uuid: 'audited', name: 'audited' },
      domain: 'audited',
      pod: { uid: sandbox.podUid, container: sandbox.containerId },
      mode: 'fork',
    });
    expect(allowed?.['caller'])
      .to.include(findQemuAccount())
      .and.to.have.keys('uid', 'gid', 'pid', 'startTime', 'device', 'inode');
    expect(outcome).to.deep.include({
      event: 'outcome',
      launchId: allowed?.['launchId'],
      checks: checks(...before, 'plan', 'started'),
    });
    expect(outcome?.['qemuPid']).to.be.a('number');
  });

  it('has a line for one that is refused, whatever its domain is called, and no secret', async () => {
    const name = 'x\n{"decision":"allowed"}\u2028\u202e';
    const started = launchFake(
      driver,
      { vmUuid: 'audited', vmName: name, secret: undefined },
      {
        environment: { KUBEVIRT_IO_VM_NAME: 'audited', KUBEVIRT_IO_SECRET: 'wrong-and-secret' },
      },
    );
    await started.ended;
    const last = lines().at(-1);
    expect(last).to.deep.include({ decision: 'refused', code: 'secret-mismatch', domain: name });
    expect(last?.['checks']).to.deep.equal([
      ...checks('caller', 'limits', 'request', 'identity', 'target'),
      { check: 'secret', verdict: 'refused' },
    ]);
    const text = readFileSync(file, 'latin1');
    expect(text).to.match(/^[\x20-\x7e\n]*$/);
    for (const secret of ['wrong-and-secret', sandbox.secret ?? '?']) {
      expect(text).to.not.include(secret);
      expect(driver.log).to.not.include(secret);
    }
  });

  it('has a line for each secret that the API validates', async () => {
    const client = createWatchedApiClient({ socketPath: driver.apiSocket });
    try {
      await client.validateSecret({ uuid: 'audited' }, sandbox.secret ?? '');
    } finally {
      client.close();
    }
    expect(lines().at(-1)).to.deep.include({
      event: 'validate-secret',
      decision: 'allowed',
      checks: checks('target', 'secret'),
      pod: { uid: sandbox.podUid, container: sandbox.containerId },
    });
  });

  it('is on standard output, too', () => {
    expect(readFileSync(driver.auditPath, 'latin1')).to.equal(readFileSync(file, 'latin1'));
  });

  it('goes on in a new file after it was renamed, at SIGHUP too', async () => {
    const before = lines().length;
    renameSync(file, `${file}.1`);
    signalProcess(driver.process, 'SIGHUP');
    await waitUntil(
      'there is a new file',
      () => {
        try {
          return lines().length === 0 ? true : undefined;
        } catch {
          return undefined;
        }
      },
      5000,
    );
    await launch(['exit=7']);
    expect([lines(`${file}.1`).length, lines().length]).to.deep.equal([before, 2]);
  });

  it('allows no launch that it has no room for, and does again when it has', async () => {
    const filler = join(directory, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(65_536));
    } catch {
      // as much as there is room
    }
    let answer = '';
    for (let i = 0; i < 20 && !answer.startsWith('125'); i++) answer = await launch(['exit=7']);
    expect(answer).to.match(
      /^125 qemu-kube: Cannot start the VM: the audit log of the node cannot be written; /,
    );
    expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    const metrics = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
    expect(metrics).to.match(/audit_lines_lost_total [1-9]/);
    await runCommand('rm', [filler]);
    expect(await launch(['exit=7'])).to.equal('7 ');
  });
});
