import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { hearOutput } from '../../support/secret-watch/hear-output.ts';

const program = join(import.meta.dirname, '../../fixtures/api-client.py');
const ours = 'kubevirt.nodedriver.v1.NodeDriverService';
const health = 'grpc.health.v1.Health';

interface Call {
  readonly method: string;
  readonly request?: object;
  /** Seconds. */
  readonly deadline?: number;
  /** Of a stream, which is given up then. */
  readonly answers?: number;
}

interface Outcome {
  readonly method: string;
  readonly code: string;
  readonly details: string;
  readonly refusal: string | null;
  readonly answers: readonly Readonly<Record<string, unknown>>[];
}

interface Report {
  readonly methods: readonly string[];
  readonly outcomes: readonly Outcome[];
}

/** What this client is told by reflection, and what comes of its calls, one after the other. */
async function callFromPython(driver: NodeDriver, calls: readonly Call[]): Promise<Report> {
  const child = spawn('/usr/bin/python3', [program, `unix://${driver.apiSocket}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(JSON.stringify(calls));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  hearOutput(['node-driver'], { stdout: output, stderr: errors });
  if (child.exitCode !== 0) throw new Error(`The client failed: ${errors}`);
  return JSON.parse(output) as Report;
}

describe('the API, from a client in Python that knows it by reflection alone', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let empty: Sandbox;
  let launch: FakeLaunch;
  let launchId: string;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    const mounts = [fakeEmulatorMount];
    pod = await startSandbox(scratch, { vmUuid: 'python-1', vmName: 'python', mounts });
    empty = await startSandbox(scratch, { vmUuid: 'python-2', vmName: 'empty', secret: false });
    launch = launchFake(driver, pod, { args: ['wait'] });
    await launch.waitForLine('ready');
    const { outcomes } = await callFromPython(driver, [{ method: `${ours}.ListMachines` }]);
    const [machine] = outcomes[0]?.answers[0]?.['machines'] as readonly { readonly launch_id: string }[];
    launchId = machine?.launch_id ?? '';
  });
  after(() => scratch.close());

  /** A call of each method that must be answered, and what with. */
  const good = (): readonly (Call & { readonly expect: (answers: Outcome['answers']) => void })[] => {
    const vm = { uuid: pod.vmUuid, name: pod.vmName };
    const machine = { launch_id: launchId, state: 'MACHINE_STATE_RUNNING', mode: 'LAUNCH_MODE_FORK' };
    return [
      {
        method: `${ours}.ResolveTarget`,
        request: { vm },
        expect: ([answer]) => expect(answer).to.have.nested.property('target.process.pid', pod.pid),
      },
      {
        method: `${ours}.ValidateSecret`,
        request: { vm, secret: pod.secret },
        expect: ([answer]) => expect(answer?.['valid_until']).to.match(/^20\d\d-\d\d-\d\dT.*Z$/u),
      },
      {
        method: `${ours}.ListMachines`,
        expect: ([answer]) => expect(answer).to.have.nested.property('machines[0].launch_id', launchId),
      },
      {
        method: `${ours}.GetMachine`,
        request: { launch_id: launchId },
        expect: ([answer]) => expect(answer?.['machine']).to.deep.include({ ...machine, vm }),
      },
      {
        method: `${ours}.WatchMachines`,
        answers: 2,
        expect: ([first, second]) => {
          expect(first).to.have.property('type', 'MACHINE_EVENT_TYPE_EXISTING');
          expect(first?.['machine']).to.deep.include(machine);
          expect(second).to.have.property('type', 'MACHINE_EVENT_TYPE_SYNCED');
        },
      },
      {
        method: `${ours}.GetLogLevel`,
        expect: ([answer]) => expect(answer).to.deep.equal({ level: 'LOG_LEVEL_INFO' }),
      },
      {
        method: `${ours}.SetLogLevel`,
        request: { level: 'LOG_LEVEL_INFO' },
        expect: ([answer]) => expect(answer).to.deep.equal({ previous: 'LOG_LEVEL_INFO' }),
      },
      {
        method: `${ours}.ExplainLaunch`,
        request: { vm, secret: pod.secret },
        expect: ([answer]) => expect(answer?.['steps']).to.be.an('array').that.is.not.empty,
      },
      {
        method: `${ours}.GetNodeStatus`,
        expect: ([answer]) => {
          expect(answer?.['checks']).to.be.an('array').that.is.not.empty;
          expect(answer?.['started_at']).to.match(/Z$/u);
        },
      },
      {
        method: `${health}.Check`,
        request: { service: ours },
        expect: ([answer]) => expect(answer).to.deep.equal({ status: 'SERVING' }),
      },
      {
        method: `${health}.Watch`,
        answers: 1,
        expect: ([answer]) => expect(answer).to.deep.equal({ status: 'SERVING' }),
      },
      {
        method: `${health}.List`,
        expect: ([answer]) =>
          expect(answer?.['statuses']).to.deep.equal({
            '': { status: 'SERVING' },
            [ours]: { status: 'SERVING' },
          }),
      },
      // Last, since it ends the VM.
      {
        method: `${ours}.SignalMachine`,
        request: { launch_id: launchId, signal: 15 },
        expect: ([answer]) => expect(answer).to.deep.equal({}),
      },
    ];
  };

  it('is refused what is wrong, with the code for it', async () => {
    const vm = { uuid: pod.vmUuid };
    const cases: readonly (readonly [Call, string, string | null, string?])[] = [
      [{ method: `${ours}.ResolveTarget` }, 'INVALID_ARGUMENT', 'no-identity'],
      [
        { method: `${ours}.ResolveTarget`, request: { vm: { uuid: '../x' } } },
        'INVALID_ARGUMENT',
        'invalid-identity',
      ],
      [
        { method: `${ours}.ResolveTarget`, request: { vm: { uuid: 'nobody' } } },
        'NOT_FOUND',
        'target-not-found',
      ],
      [
        { method: `${ours}.ResolveTarget`, request: { vm: { ...vm, name: 'other' } } },
        'NOT_FOUND',
        'target-not-found',
      ],
      [{ method: `${ours}.ValidateSecret`, request: { vm } }, 'INVALID_ARGUMENT', 'secret-not-given'],
      [
        { method: `${ours}.ValidateSecret`, request: { vm, secret: 'of another' } },
        'PERMISSION_DENIED',
        'secret-mismatch',
      ],
      [
        { method: `${ours}.ValidateSecret`, request: { vm: { uuid: empty.vmUuid }, secret: 'any' } },
        'FAILED_PRECONDITION',
        'secret-file',
      ],
      [{ method: `${ours}.GetMachine`, request: { launch_id: 'nope' } }, 'NOT_FOUND', null],
      [{ method: `${ours}.SignalMachine`, request: { launch_id: 'nope', signal: 15 } }, 'NOT_FOUND', null],
      [
        { method: `${ours}.SignalMachine`, request: { launch_id: launchId, signal: 19 } },
        'INVALID_ARGUMENT',
        null,
      ],
      [{ method: `${ours}.SetLogLevel` }, 'INVALID_ARGUMENT', null],
      [{ method: `${ours}.WatchMachines`, deadline: 1 }, 'DEADLINE_EXCEEDED', null],
      [{ method: `${ours}.NoSuchCall` }, 'UNIMPLEMENTED', null],
      [{ method: 'kubevirt.nodedriver.v2.NodeDriverService.ListMachines' }, 'UNIMPLEMENTED', null],
      [
        { method: `${ours}.ResolveTarget`, request: { vm: { uuid: 'x'.repeat(5 << 20) } } },
        'RESOURCE_EXHAUSTED',
        null,
      ],
      [{ method: `${health}.Check`, request: { service: 'nonsense' } }, 'NOT_FOUND', null],
    ];
    const { outcomes } = await callFromPython(
      driver,
      cases.map(([call]) => call),
    );
    const seen = outcomes.map(({ method, code, refusal }) => [method, code, refusal]);
    expect(seen).to.deep.equal(cases.map(([{ method }, code, refusal]) => [method, code, refusal]));
    // Cause and remedy, for people.
    for (const { refusal, details } of outcomes)
      if (refusal !== null) expect(details).to.match(/^Cannot .+; .+/u);
  });

  it('does every call that there is', async () => {
    const calls = good();
    const { methods, outcomes } = await callFromPython(
      driver,
      calls.map(({ method, request, answers }) => ({
        method,
        ...(request && { request }),
        ...(answers !== undefined && { answers }),
      })),
    );
    expect(
      calls.map(({ method }) => method),
      'add a call of it here',
    ).to.have.members(methods);
    outcomes.forEach(({ method, code, details, answers }, index) => {
      expect({ method, code, details }).to.deep.equal({
        method: calls[index]?.method,
        code: 'OK',
        details: '',
      });
      calls[index]?.expect(answers);
    });
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    const after = await callFromPython(driver, [
      { method: `${ours}.SignalMachine`, request: { launch_id: launchId, signal: 15 } },
    ]);
    expect(after.outcomes[0]?.code).to.be.oneOf(['FAILED_PRECONDITION', 'NOT_FOUND']);
  });

  it('is told when it has checked too many secrets', async () => {
    const check = { method: `${ours}.ValidateSecret`, request: { vm: { uuid: 'nobody' }, secret: 'x' } };
    const { outcomes } = await callFromPython(
      driver,
      Array.from({ length: 60 }, () => check),
    );
    const codes = new Set(outcomes.map(({ code }) => code));
    expect([...codes]).to.have.members(['NOT_FOUND', 'RESOURCE_EXHAUSTED']);
  });

  it('finds nobody when the daemon has stopped', async () => {
    await driver.end();
    const failure = await callFromPython(driver, []).catch(String);
    expect(failure).to.include('StatusCode.UNAVAILABLE');
  });
});
