import { expect } from 'chai';
import path from 'node:path';

import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { Refusal } from '../../../daemon/errors.ts';
import type { LogLevel } from '../../../daemon/observe/log-level.ts';
import { bufferIo } from '../../support/buffer-io.ts';
import { exampleMachine, exampleTarget } from '../../support/api-fixtures.ts';
import { matchSchema } from '../../support/match-schema.ts';
import { runCommand } from '../../support/run-command.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ApiHarness, exampleBackend, registryOf } from '../api/api-harness.ts';

const main = path.resolve(import.meta.dirname, '../../../daemon/main.ts');

describe('node-driver with a daemon', () => {
  let harness: ApiHarness;
  beforeEach(() => {
    harness = new ApiHarness();
  });
  afterEach(() => harness.stop());

  async function run(...args: readonly string[]): Promise<{ status: number; out: string; err: string }> {
    const io = bufferIo();
    const status = await runCommandLine([...args, '--socket', harness.socketPath], io);
    return { status, ...io.written };
  }

  it('resolve prints a table', async () => {
    await harness.start();
    const { status, out } = await run('resolve', '--uuid', 'a-1');
    expect(status).to.equal(0);
    expect(out.split('\n')).to.include.members(
      [
        'VM name         testvm',
        `Pod UID         ${String(exampleTarget.podUid)}`,
        'Container init  4200 (started at tick 123000)',
        'User            107:108 107 36',
        'Namespace net   4026532101',
        'Cgroup v2       /kubepods.slice/pod1.slice',
      ].map((line) => line.replace(/^(.+?) {2,}/u, (_, label: string) => label.padEnd(20))),
    );
  });

  it('resolve --json prints one line', async () => {
    await harness.start();
    const { out } = await run('resolve', '--uuid', 'a-1', '--json');
    expect(out.split('\n')).to.have.length(2);
    matchSchema('target', out);
    const parsed: unknown = JSON.parse(out);
    expect(parsed).to.deep.include({
      pid: 4242,
      podUID: exampleTarget.podUid,
      namespaces: { mnt: '4026532100', net: '4026532101', time: '4026531834' },
    });
  });

  it('resolve ends a refusal with 1 and its line', async () => {
    const refusal = new Refusal('target-not-found', 'Cannot find it', 'start it');
    await harness.start({ backend: exampleBackend({ resolve: () => Promise.reject(refusal) }) });
    expect(await run('resolve', '--uuid', 'a-1')).to.deep.equal({
      status: 1,
      out: '',
      err: 'Cannot find it; start it\n',
    });
  });

  it('main.ts prints the answer and ends', async () => {
    await harness.start();
    const args = [main, 'machines', 'list', '--socket', harness.socketPath];
    const { status, stdout } = await runCommand(process.execPath, args, { timeout: 4_000 });
    expect(status).to.equal(0);
    expect(stdout).to.include('launch-1');
  });

  it('machines list and show print tables', async () => {
    const exit = { kind: 'signal', value: 15, reason: 'pod-gone', at: '2026-11-23T20:00:00.000Z' } as const;
    const machine = { ...exampleMachine, state: 'exited', exit } as const;
    await harness.start({
      backend: exampleBackend({ machines: registryOf(machine) }),
    });
    const list = await run('machines', 'list');
    expect(list.out).to.match(
      /^LAUNCH ID +STATE +MODE +PROFILE .*\nlaunch-1 +exited +fork +default +6f0b2d6e-\S+ +testvm +f3f1a2b4-\S+ +30 +2026-/u,
    );
    const show = await run('machines', 'show', 'launch-1');
    expect(show.out).to.match(/^Profile +default$/mu);
    expect(show.out).to.match(/^Ended +2026-11-23T20:00:00\.000Z, signal 15 \(pod-gone\)$/mu);
    expect(show.out.split('\n').slice(-6)).to.deep.equal([
      '',
      'LAUNCH STEP      ms',
      'find           12.3',
      'start        1500.0',
      'in all       1512.3',
      '',
    ]);
  });

  it('machines show says that it does not know how long a launch took', async () => {
    const machine = { ...exampleMachine, steps: [] };
    await harness.start({ backend: exampleBackend({ machines: registryOf(machine) }) });
    expect((await run('machines', 'show', 'launch-1')).out).to.match(
      /\n\nHow long its launch took is not known\.\n$/u,
    );
  });

  it('log-level prints and sets what the daemon logs', async () => {
    const volume = {
      level: 'info' as LogLevel,
      setLevel: (level: LogLevel): void => void (volume.level = level),
    };
    await harness.start({ backend: exampleBackend({ logVolume: volume }) });
    expect((await run('log-level')).out).to.equal('info\n');
    expect((await run('log-level', 'debug')).out).to.equal('debug (was info)\n');
    expect((await run('log-level')).out).to.equal('debug\n');
    expect(harness.lines.at(-1)).to.deep.include({ level: 'warn', message: 'The log level was changed' });
    expect(harness.lines.at(-1)?.fields).to.include({
      previous: 'info',
      level: 'debug',
      peerPid: process.pid,
    });
    expect(await run('log-level', 'loud')).to.deep.equal({
      status: 2,
      out: '',
      err: 'Cannot log from "loud" on: say one of error, warn, info, debug\n',
    });
  });

  it('machines --json prints one line for each', async () => {
    await harness.start({
      backend: exampleBackend({
        machines: registryOf(exampleMachine, { ...exampleMachine, launchId: 'launch-2' }),
      }),
    });
    const { out } = await run('machines', 'list', '--json');
    matchSchema('machine', out);
    expect(out.trimEnd().split('\n')).to.have.length(2);
    expect(out).to.include(
      '"steps":[{"step":"find","milliseconds":12.346},{"step":"start","milliseconds":1500}]',
    );
    expect(out).to.include('"state":"running"').and.include('"createdAt":"2026-11-23T19:06:00.125Z"');
    matchSchema('machine', (await run('machines', 'show', 'launch-2', '--json')).out);
    expect((await run('machines', 'show', 'nope', '--json')).status).to.equal(1);
  });

  it('machines watch prints the machines and each change, also with the next daemon', async () => {
    const registry = registryOf(exampleMachine);
    const first = await harness.start({ backend: exampleBackend({ machines: registry }) });
    const io = bufferIo();
    const ended = runCommandLine(['machines', 'watch', '--socket', harness.socketPath], io);
    const waitForText = (pattern: RegExp): Promise<true> =>
      waitUntil(
        `it prints ${String(pattern)}`,
        () => (pattern.test(io.written.out) ? true : undefined),
        4_000,
      );
    await waitForText(/existing/u);
    const exit = { kind: 'exit', value: 7, reason: 'qemu', at: '2026-11-23T20:00:00.000Z' } as const;
    registry.put({ ...exampleMachine, state: 'exited', exit });
    await waitForText(/changed/u);
    await first.close(100);
    await harness.start();
    await waitForText(/existing[^]+existing/u);
    io.closeOutput();
    expect(await ended).to.equal(0);
    expect(io.written.err).to.match(/^Cannot go on watching: The daemon stops, .*; trying again\n/u);
    const id = 'launch-1'.padEnd(36);
    const { uuid } = exampleMachine.vm;
    const head = `EVENT     STATE     LAUNCH ID${' '.repeat(29)}VM UUID${' '.repeat(31)}QEMU     VM NAME`;
    expect(io.written.out.trimEnd().split('\n')).to.deep.equal([
      head,
      `existing  running   ${id}  ${uuid}  30       testvm`,
      `changed   exited    ${id}  ${uuid}  30       testvm  exit status 7 (qemu)`,
      head,
      `existing  running   ${id}  ${uuid}  30       testvm`,
    ]);
  });

  it('machines watch --json prints one line for each event', async () => {
    await harness.start();
    const io = bufferIo();
    const ended = runCommandLine(['machines', 'watch', '--json', '--socket', harness.socketPath], io);
    const lines = await waitUntil(
      'the list is printed',
      () => (io.written.out.includes('synced') ? io.written.out.trimEnd().split('\n') : undefined),
      4_000,
    );
    io.closeOutput();
    expect(await ended).to.equal(0);
    matchSchema('machine-event', io.written.out);
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^\{"type":"existing","revision":"1","machine":\{"launchID":"launch-1",/u);
    expect(lines[1]).to.equal('{"type":"synced","revision":"1"}');
  });

  it('machines watch ends when the reader of its output does', async () => {
    const registry = registryOf(exampleMachine);
    await harness.start({ backend: exampleBackend({ machines: registry }) });
    const script = '"$0" "$1" machines watch --socket "$2" | head -n 1';
    const watching = runCommand('sh', ['-c', script, process.execPath, main, harness.socketPath], {
      timeout: 4_000,
    });
    let hasEnded = false;
    const ended = watching.finally(() => {
      hasEnded = true;
    });
    // It notices when it has something to print.
    await waitUntil(
      'it has ended',
      () => {
        registry.put(exampleMachine);
        return hasEnded ? true : undefined;
      },
      4_000,
    );
    expect((await ended).stdout).to.match(/^EVENT .*\n$/u);
  });

  it('check prints what the daemon found, each advice on its line', async () => {
    await harness.start();
    const { status, out } = await run('check');
    expect(status).to.equal(1);
    expect(out).to.match(/^ok +daemon +it serves, since 2026-11-23T19:06:00\.125Z$/mu);
    expect(out).to.match(/^warning +version +the daemon is 1\.2\.3, this command \d/mu);
    expect(out).to.match(/^failure +stub default +it is gone; run: mend it$/mu);
    expect(out).to.match(/1 failure, \d+ skipped; by the daemon 1\.2\.3\n$/u);
  });

  it('check --json prints one line', async () => {
    await harness.start();
    const { out } = await run('check', '--json');
    expect(out.split('\n')).to.have.length(2);
    const parsed: unknown = JSON.parse(out);
    expect(parsed).to.have.all.keys('schema', 'daemon', 'checks', 'failures', 'warnings');
    expect(parsed).to.deep.include({
      daemon: { version: '1.2.3', commit: 'abcdef0', nodeVersion: '24.0.0' },
      failures: 1,
    });
  });

  it('explain prints each step, and who was turned down', async () => {
    await harness.start();
    const { status, out } = await run('explain', 'a-1');
    expect(status).to.equal(1);
    expect(out).to.match(/^refused +target +it has no pod; start one$/mu);
    expect(out).to.match(/^process 7 +is a zombie$/mu);
    expect(out).to.match(/\nThe VM would not start\n$/u);
    const json = await run('explain', 'a-1', '--json');
    expect(JSON.parse(json.out)).to.have.all.keys('schema', 'wouldStart', 'steps', 'candidates');
    for (const args of [[], ['a', 'b'], ['a', '--domain', 'b'], ['--domain', 'b', '--name', 'c']])
      expect(await run('explain', ...args)).to.include({ status: 2 });
    expect((await run('explain', '--help')).out).to.match(/\nExample:\n/u);
  });

  it('machines signal sends what is named', async () => {
    const sent: string[] = [];
    const signalMachine = (launchId: string, signal: number): boolean => {
      sent.push(`${launchId} ${signal}`);
      return true;
    };
    await harness.start({ backend: exampleBackend({ signalMachine }) });
    expect(await run('machines', 'signal', 'launch-1', 'term')).to.deep.equal({
      status: 0,
      out: '',
      err: '',
    });
    expect(await run('machines', 'signal', 'launch-1', '9')).to.include({ status: 0 });
    const refused = await run('machines', 'signal', 'launch-1', 'STOP');
    expect(refused.status).to.equal(1);
    expect(refused.err).to.match(/^Cannot send signal 19 to a machine; use one of HUP \(1\), .*\n$/u);
    expect(sent).to.deep.equal(['launch-1 15', 'launch-1 9']);
  });
});

describe('daemon/main.ts', () => {
  const node = process.execPath;

  it('passes the exit status on', async () => {
    const { status, stderr } = await runCommand(node, [main, 'frobnicate'], { allowFailure: true });
    expect(status).to.equal(2);
    expect(stderr).to.match(/^Cannot run "frobnicate": [^\n]*\n$/u);
  });

  it('is quiet when the reader of its output has gone', async () => {
    const script = '{ "$0" "$1" --help; echo "$?" >&2; } | true';
    const { stderr } = await runCommand('sh', ['-c', `sleep 0; ${script}`, node, main]);
    expect(stderr).to.equal('0\n');
  });
});
