import { expect } from 'chai';
import path from 'node:path';

import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { Refusal } from '../../../daemon/errors.ts';
import { bufferIo } from '../../support/buffer-io.ts';
import { exampleMachine, exampleTarget } from '../../support/api-fixtures.ts';
import { runCommand } from '../../support/run-command.ts';
import { ApiHarness, exampleBackend } from '../api/api-harness.ts';

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
      backend: exampleBackend({ machines: { list: () => [machine], get: () => machine } }),
    });
    const list = await run('machines', 'list');
    expect(list.out).to.match(
      /^LAUNCH ID +STATE .*\nlaunch-1 +exited +6f0b2d6e-\S+ +testvm +f3f1a2b4-\S+ +30 +2026-/u,
    );
    const show = await run('machines', 'show', 'launch-1');
    expect(show.out).to.match(/^Ended +2026-11-23T20:00:00\.000Z, signal 15 \(pod-gone\)$/mu);
  });

  it('machines --json prints one line for each', async () => {
    await harness.start({
      backend: exampleBackend({
        machines: { list: () => [exampleMachine, exampleMachine], get: () => undefined },
      }),
    });
    const { out } = await run('machines', 'list', '--json');
    expect(out.trimEnd().split('\n')).to.have.length(2);
    expect(out).to.include('"state":"running"').and.include('"createdAt":"2026-11-23T19:06:00.125Z"');
    expect((await run('machines', 'show', 'nope')).status).to.equal(1);
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
