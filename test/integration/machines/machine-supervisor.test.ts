import { expect } from 'chai';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { Refusal } from '../../../daemon/errors.ts';
import { viewHost } from '../../../daemon/host/host-view.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { ShimCgroups } from '../../../daemon/host/shim-cgroups.ts';
import type { Machine } from '../../../daemon/machines/machine.ts';
import { MachineRegistry } from '../../../daemon/machines/machine-registry.ts';
import { MachineSupervisor } from '../../../daemon/machines/machine-supervisor.ts';
import { ReportedFailure } from '../../../daemon/machines/reported-failure.ts';
import { StateDirectory } from '../../../daemon/machines/state-directory.ts';
import { identify, isRunning, readProcess } from '../../support/processes.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { plainMachine } from '../../support/plain-machine.ts';

const libc = createLibc();
const cgroups = new ShimCgroups(viewHost('/proc').hierarchies, '');
const WAIT_MS = 5000;

interface Daemon {
  readonly registry: MachineRegistry;
  readonly supervisor: MachineSupervisor;
  /** `state` of each change, in order. */
  readonly changes: readonly string[];
  readonly errors: readonly unknown[];
}

function machine(): Machine {
  return { ...plainMachine, launchId: randomUUID(), state: 'starting', createdAt: new Date().toISOString() };
}

describe('MachineSupervisor', function () {
  this.timeout(20_000);
  let directory: string;
  let state: StateDirectory;
  const daemons: Daemon[] = [];
  const children: ChildProcess[] = [];
  const servers: net.Server[] = [];
  const sockets: net.Socket[] = [];

  beforeEach(() => {
    // Longer than the address of a Unix socket.
    directory = fs.mkdtempSync(path.join('/run', `knd-supervisor-${'x'.repeat(100)}-`));
    state = new StateDirectory(directory);
  });
  afterEach(async () => {
    for (const { supervisor } of daemons.splice(0)) supervisor.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) server.close();
    for (const child of children.splice(0)) child.kill('SIGKILL');
    const launches = fs.readdirSync(directory);
    for (const id of launches)
      await waitUntil('its cgroup is gone', () => (cgroups.remove(id) ? true : undefined), WAIT_MS);
    fs.rmSync(directory, { recursive: true });
  });

  const start = (bootId = 'this boot'): Daemon => {
    const changes: string[] = [];
    const errors: unknown[] = [];
    const registry = new MachineRegistry();
    registry.subscribe(({ machine }) => changes.push(machine.state));
    const supervisor = new MachineSupervisor({
      libc,
      proc: '/proc',
      registry,
      state,
      shimCgroups: cgroups,
      bootId,
      onError: (_, error) => errors.push(error),
    });
    const daemon = { registry, supervisor, changes, errors };
    daemons.push(daemon);
    return daemon;
  };
  const sleep = (): { readonly pid: number; readonly startTime: number } => {
    const child = spawn('sleep', ['100'], { stdio: 'ignore' });
    children.push(child);
    const { pid, startTime } = identify(child.pid ?? 0);
    return { pid, startTime: Number(startTime) };
  };
  /** Stands in for a shim that was started: something in its cgroups. */
  const putIntoCgroups = (launchId: string, pid: number): void => {
    for (const each of cgroups.create(launchId)) fs.writeFileSync(`${each}/cgroup.procs`, String(pid));
  };
  const listen = async (launchId: string, greeting: string): Promise<void> => {
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).write(greeting);
    });
    servers.push(server);
    const fd = fs.openSync(state.directoryOf(launchId), 'r');
    await new Promise<void>((resolve) => server.listen(`/proc/self/fd/${fd}/shim.sock`, resolve));
    fs.closeSync(fd);
  };
  /** The two ends of a launch's report socket: the daemon's number, and the shim's. */
  const pair = (): { readonly own: number; readonly shim: net.Socket } => {
    const [own, theirs] = libc.socketPair();
    const shim = new net.Socket({ fd: theirs, readable: true, writable: true });
    shim.on('error', () => undefined);
    sockets.push(shim);
    return { own, shim };
  };
  const outcomeOf = (launch: Promise<Machine>): Promise<unknown> =>
    launch.then(
      ({ state: now }) => now,
      (error: unknown) => error,
    );
  const isRemembered = (launchId: string): boolean => fs.existsSync(state.directoryOf(launchId));

  it('follow(): resolves when QEMU runs, and knows its end', async () => {
    const { supervisor, registry } = start();
    const prepared = machine();
    expect(supervisor.prepare(prepared)).to.deep.equal(cgroups.create(prepared.launchId));
    const { own, shim } = pair();
    const launch = supervisor.follow(prepared.launchId, own);
    shim.write('shim 1 41 1\nstar');
    shim.write('ted 42 2\n');
    expect(await launch).to.deep.include({ state: 'running', qemu: { pid: 42, startTime: 2 } });
    shim.end('exited exit 3 qemu\n');
    await waitUntil('it is cleaned up', () => (isRemembered(prepared.launchId) ? undefined : true), WAIT_MS);
    expect(registry.get(prepared.launchId))
      .to.have.property('exit')
      .that.includes({ value: 3, reason: 'qemu' });
    expect(registry.findLive('vm', 'pod')).to.equal(undefined);
  });

  it('prepare(): cgroups that could not be made are on record, for the next daemon to remove', () => {
    const prepared = machine();
    const { supervisor } = start();
    const [blocked = ''] = cgroups.directoriesOf(prepared.launchId);
    const create = cgroups.create.bind(cgroups);
    cgroups.create = () => {
      throw new Error(`no ${blocked}`);
    };
    try {
      expect(() => supervisor.prepare(prepared)).to.throw(blocked);
    } finally {
      cgroups.create = create;
    }
    expect(state.read(prepared.launchId)?.shimCgroups).to.include(blocked);
  });

  it('follow(): a shim that says why it failed leaves nothing', async () => {
    const { supervisor, registry } = start();
    const { launchId } = machine();
    supervisor.prepare({ ...machine(), launchId });
    const { own, shim } = pair();
    const launch = outcomeOf(supervisor.follow(launchId, own));
    shim.end('failed 13 Cannot x; do y\n');
    const error = await launch;
    expect(error).to.be.instanceOf(ReportedFailure).and.to.have.property('message', 'Cannot x; do y');
    expect([isRemembered(launchId), registry.get(launchId)]).to.deep.equal([false, undefined]);
    await waitUntil(
      'no cgroup is left',
      () => (cgroups.list().includes(launchId) ? undefined : true),
      WAIT_MS,
    );
  });

  it('follow(): a shim that ends without a word is a refusal, since nobody told the stub', async () => {
    const { supervisor } = start();
    const { launchId } = machine();
    supervisor.prepare({ ...machine(), launchId });
    const { own, shim } = pair();
    const launch = outcomeOf(supervisor.follow(launchId, own));
    shim.write('noise'.repeat(2000));
    shim.end();
    expect(await launch)
      .to.be.instanceOf(Refusal)
      .and.to.have.property('code', 'launch-failed');
    expect(isRemembered(launchId)).to.equal(false);
  });

  it('follow(): a shim of another protocol version is ended, and the refusal says why', async () => {
    const { supervisor } = start();
    const { launchId } = machine();
    supervisor.prepare({ ...machine(), launchId });
    const { pid, startTime } = sleep();
    putIntoCgroups(launchId, pid);
    const { own, shim } = pair();
    const launch = outcomeOf(supervisor.follow(launchId, own));
    shim.write('shim 2 41 1 and more\nstarted 42 2\n');
    const isGone = (): true | undefined =>
      isRunning({ pid, startTime: String(startTime) }) ? undefined : true;
    await waitUntil('it is ended', isGone, WAIT_MS);
    shim.end();
    expect(await launch)
      .to.be.instanceOf(Refusal)
      .and.to.have.property('line')
      .that.match(
        /speaks version 2 of the shim protocol, and this node driver version 1; set "library-directory"/,
      );
    expect(isRemembered(launchId)).to.equal(false);
  });

  it('adopt(): a shim of another protocol version keeps its VM, and its end is known', async () => {
    const { launchId } = machine();
    start().supervisor.prepare({ ...machine(), launchId });
    fs.writeFileSync(path.join(state.directoryOf(launchId), 'started'), 'started 42 2\n');
    await listen(launchId, 'shim 2 41 1\nexited exit 0 qemu\n');
    const { supervisor, registry, errors } = start();
    await supervisor.adopt();
    expect(registry.findLive('vm', 'pod')).to.deep.include({ launchId, qemu: { pid: 42, startTime: 2 } });
    expect(supervisor.signal(launchId, 15)).to.equal(false);
    expect(String(errors[0])).to.match(
      /^Error: Cannot talk to a shim of protocol version 2, .*; use a node driver/,
    );
    fs.writeFileSync(path.join(state.directoryOf(launchId), 'exit'), 'exited exit 7 qemu\nat 1700000000\n');
    for (const socket of sockets) socket.destroy();
    await waitUntil('its end is known', () => (isRemembered(launchId) ? undefined : true), WAIT_MS);
    expect(registry.get(launchId)?.exit).to.include({ kind: 'exit', value: 7 });
  });

  it('close(): a launch that is under way stays on record for the next daemon', async () => {
    const { supervisor } = start();
    const { launchId } = machine();
    supervisor.prepare({ ...machine(), launchId });
    const { own } = pair();
    const launch = outcomeOf(supervisor.follow(launchId, own));
    supervisor.close();
    expect(await launch).to.be.instanceOf(ReportedFailure);
    expect(isRemembered(launchId)).to.equal(true);
    expect(cgroups.list()).to.include(launchId);
  });

  it('adopt(): a machine that runs is running, and stays so over another restart', async () => {
    const { launchId } = machine();
    start().supervisor.prepare({ ...machine(), launchId });
    await listen(launchId, 'shim 1 41 1\nstarted 42 2\n');
    for (let restart = 1; restart <= 2; restart++) {
      const { supervisor, registry, errors } = start();
      await supervisor.adopt();
      expect(registry.get(launchId)).to.deep.include({ state: 'running', qemu: { pid: 42, startTime: 2 } });
      supervisor.close();
      expect(errors).to.deep.equal([]);
    }
    expect(isRemembered(launchId)).to.equal(true);
  });

  it('adopt(): a shim that is still starting is waited for, its VM not taken for lost', async () => {
    const { launchId } = machine();
    start().supervisor.prepare({ ...machine(), launchId });
    putIntoCgroups(launchId, sleep().pid);
    const { supervisor, registry } = start();
    await supervisor.adopt();
    expect(registry.findLive('vm', 'pod')).to.include({ launchId, state: 'starting' });
    await listen(launchId, 'shim 1 41 1\nstarted 42 2\n');
    await waitUntil(
      'it runs',
      () => (registry.get(launchId)?.state === 'running' ? true : undefined),
      WAIT_MS,
    );
  });

  it('adopt(): a shim that ends while it is starting leaves nothing', async () => {
    const { launchId } = machine();
    start().supervisor.prepare({ ...machine(), launchId });
    putIntoCgroups(launchId, sleep().pid);
    const { supervisor, registry } = start();
    await supervisor.adopt();
    children[0]?.kill('SIGKILL');
    await waitUntil('its end is known', () => (isRemembered(launchId) ? undefined : true), WAIT_MS);
    expect(registry.get(launchId)).to.have.property('state', 'lost');
    await waitUntil(
      'no cgroup is left',
      () => (cgroups.list().includes(launchId) ? undefined : true),
      WAIT_MS,
    );
  });

  it('adopt(): an end in between is told once, with the time that the shim wrote down', async () => {
    const { launchId } = machine();
    start().supervisor.prepare({ ...machine(), launchId });
    fs.writeFileSync(path.join(state.directoryOf(launchId), 'started'), 'started 42 2\n');
    fs.writeFileSync(
      path.join(state.directoryOf(launchId), 'exit'),
      'exited signal 15 pod-gone\nat 1700000000\n',
    );
    const { supervisor, registry, changes } = start();
    await supervisor.adopt();
    expect(registry.get(launchId)?.exit).to.deep.equal({
      kind: 'signal',
      value: 15,
      reason: 'pod-gone',
      at: '2023-11-14T22:13:20.000Z',
    });
    expect(changes).to.deep.equal(['running', 'exited']);
    expect(isRemembered(launchId)).to.equal(false);
    const next = start();
    await next.supervisor.adopt();
    expect(next.changes).to.deep.equal([]);
  });

  it('adopt(): QEMU without its shim is killed, but no process that has got its pid', async () => {
    const victim = sleep();
    const bystander = sleep();
    const ids = [victim, { ...bystander, startTime: bystander.startTime - 1 }].map(({ pid, startTime }) => {
      const { launchId } = machine();
      start().supervisor.prepare({ ...machine(), launchId });
      fs.writeFileSync(path.join(state.directoryOf(launchId), 'started'), `started ${pid} ${startTime}\n`);
      return launchId;
    });
    const { supervisor, registry } = start();
    await supervisor.adopt();
    for (const id of ids) expect(registry.get(id)?.exit).to.include({ kind: 'unknown', reason: 'shim-gone' });
    await waitUntil(
      'QEMU is gone',
      () => (['Z', undefined].includes(readProcess(victim.pid)?.state) ? true : undefined),
      WAIT_MS,
    );
    expect(isRunning({ pid: bystander.pid, startTime: String(bystander.startTime) })).to.equal(true);
  });

  it('adopt(): what is of another boot, half-written or garbage is removed', async () => {
    const stale = machine().launchId;
    start('another boot').supervisor.prepare({ ...machine(), launchId: stale });
    const contents = [null, '', '{"version":1', '[]', '{"version":2}'];
    const others = contents.map((content, index) => {
      fs.mkdirSync(state.directoryOf(`half-${index}`));
      if (content !== null)
        fs.writeFileSync(path.join(state.directoryOf(`half-${index}`), 'launch.json'), content);
      return `half-${index}`;
    });
    const { supervisor, registry, errors } = start();
    await supervisor.adopt();
    expect([registry.list(), errors]).to.deep.equal([[], []]);
    for (const id of [stale, ...others]) expect(isRemembered(id), id).to.equal(false);
  });

  it('adopt(): a record that this release cannot read is left alone while its shim lives', async () => {
    fs.mkdirSync(state.directoryOf('newer'));
    fs.writeFileSync(path.join(state.directoryOf('newer'), 'launch.json'), '{"version":2}');
    const shim = sleep();
    putIntoCgroups('newer', shim.pid);
    const { supervisor, errors } = start();
    await supervisor.adopt();
    expect(isRemembered('newer')).to.equal(true);
    expect(errors).to.have.lengthOf(1);
    expect(isRunning({ pid: shim.pid, startTime: String(shim.startTime) })).to.equal(true);
  });

  it('a state directory that cannot be removed ends neither the daemon nor the care for others', async () => {
    const { supervisor, registry, errors } = start();
    const [stuck, fine] = [machine(), { ...machine(), podUid: 'other' }];
    const shims = [stuck, fine].map((each) => {
      supervisor.prepare(each);
      const { own, shim } = pair();
      void outcomeOf(supervisor.follow(each.launchId, own));
      shim.write('shim 1 41 1\nstarted 42 2\n');
      return shim;
    });
    execFileSync('mount', ['-t', 'tmpfs', 'none', state.directoryOf(stuck.launchId)]);
    try {
      for (const shim of shims) shim.end('exited exit 0 qemu\n');
      await waitUntil(
        'both ends are known',
        () => (errors.length > 0 && !isRemembered(fine.launchId) ? true : undefined),
        WAIT_MS,
      );
      expect(registry.get(stuck.launchId)?.state).to.equal('exited');
      expect(registry.get(fine.launchId)?.state).to.equal('exited');
      expect(errors[0]).to.be.instanceOf(Error);
    } finally {
      execFileSync('umount', [state.directoryOf(stuck.launchId)]);
    }
  });
});
