import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Broker } from '../../../daemon/host/broker.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { ExecSupervisor } from '../../../daemon/machines/exec-supervisor.ts';
import { MachineRegistry } from '../../../daemon/machines/machine-registry.ts';
import { StateDirectory } from '../../../daemon/machines/state-directory.ts';
import type { NamespaceKind, Namespaces } from '../../../daemon/target/target.ts';
import { exampleMachine } from '../../support/api-fixtures.ts';
import { identify } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';

const libc = createLibc();
const libraryDirectory = path.join(import.meta.dirname, '../../../stub/build');
const WAIT_MS = 8000;

describe('ExecSupervisor.adopt()', function () {
  this.timeout(20_000);
  let directory: string;
  let state: StateDirectory;
  let broker: Broker;
  let supervisor: ExecSupervisor | undefined;
  let stub: ChildProcess;
  const registry = new MachineRegistry();

  beforeEach(() => {
    directory = fs.mkdtempSync('/run/knd-exec-supervisor-');
    state = new StateDirectory(directory);
    broker = new Broker({ libc, libraryDirectory, onRestart: () => undefined });
    broker.start();
    stub = spawn('setpriv', ['--no-new-privs', 'sleep', '100'], { stdio: 'ignore' });
  });
  afterEach(() => {
    supervisor?.close();
    broker.stop();
    stub.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true });
  });

  /** A stub that an earlier daemon sent into a pod of these namespaces, and which has not told what came of it. */
  const leave = (pod: Namespaces, joined: readonly NamespaceKind[] | undefined): string => {
    const launchId = randomUUID();
    const { pid, startTime } = identify(stub.pid ?? 0);
    const init = identify(process.pid);
    state.create({
      version: 1,
      bootId: 'this boot',
      machine: {
        ...exampleMachine,
        launchId,
        mode: 'exec',
        state: 'starting',
        stub: { pid, startTime: Number(startTime) },
        namespaces: pod,
      },
      shimCgroups: [],
      init: { pid: init.pid, startTime: Number(init.startTime) },
      ...(joined !== undefined && { joined }),
    });
    return launchId;
  };
  const adopt = (namespaces: readonly NamespaceKind[]): void => {
    supervisor = new ExecSupervisor({
      libc,
      proc: '/proc',
      broker,
      registry,
      state,
      bootId: 'this boot',
      hostRoot: '',
      hierarchies: [],
      namespaces,
      podGoneGraceMs: 100,
      onError: (_, error) => {
        throw error;
      },
    });
    supervisor.adopt();
  };
  /** Where the stub is, but for the network. */
  const elsewhere: Namespaces = { net: 1, ipc: fs.statSync('/proc/self/ns/ipc').ino };

  const cases: readonly (readonly [
    string,
    readonly NamespaceKind[] | undefined,
    readonly NamespaceKind[],
    boolean,
  ])[] = [
    ['those of its own profile are joined, whatever the node has', ['mnt', 'ipc'], ['mnt', 'net'], true],
    ['those of its own profile are not joined, whatever the node has', ['net'], ['ipc'], false],
    ["without such a list, as release 0.1.0 left it, the node's are joined", undefined, ['ipc'], true],
    ["without such a list the node's are not joined", undefined, ['mnt', 'net'], false],
  ];
  for (const [title, joined, common, isRunning] of cases)
    it(`a stub ${isRunning ? 'is QEMU' : 'is ended'} when ${title}`, async () => {
      const launchId = leave(elsewhere, joined);
      adopt(common);
      expect(registry.get(launchId)?.profile).to.equal('default');
      await waitUntil(
        'it is decided',
        () => (registry.get(launchId)?.state !== 'starting' ? true : undefined),
        WAIT_MS,
      );
      expect(registry.get(launchId)?.state).to.equal(isRunning ? 'running' : undefined);
      expect(stub.signalCode).to.equal(isRunning ? null : 'SIGKILL');
    });

  it('a stub is ended that still has its privileges, where the mount namespace alone is joined', async () => {
    stub.kill('SIGKILL');
    stub = spawn('sleep', ['100'], { stdio: 'ignore' });
    const launchId = leave(elsewhere, ['mnt']);
    adopt(['mnt']);
    await waitUntil(
      'it is decided',
      () => (registry.get(launchId)?.state !== 'starting' ? true : undefined),
      WAIT_MS,
    );
    expect(registry.get(launchId)).to.equal(undefined);
    expect(stub.signalCode).to.equal('SIGKILL');
  });

  it('prepare() puts the namespaces of a launch into its record', () => {
    adopt(['net']);
    const { pid, startTime } = identify(process.pid);
    const machine = { ...exampleMachine, launchId: randomUUID(), mode: 'exec' } as const;
    supervisor?.prepare(machine, { pid, startTime: Number(startTime) }, ['mnt', 'uts']);
    expect(state.read(machine.launchId)).to.deep.include({ joined: ['mnt', 'uts'], machine });
    supervisor?.discard(machine.launchId);
  });
});
