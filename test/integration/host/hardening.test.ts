import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keptCapabilities } from '../../../daemon/host/harden-process.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { isRunning, listDescendants, readStatusFields, signalProcess } from '../../support/processes.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const LISTEN = '0A';
const root = join(import.meta.dirname, '../../..');

function socketsOf(pid: number): ReadonlySet<string> {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

function listeningPorts(pid: number): readonly number[] {
  const own = socketsOf(pid);
  return ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && own.has(fields[9] ?? ''))
      .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)),
  );
}

describe('the daemon, hardened', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let sandbox: Sandbox;
  let driver: NodeDriver;
  const kept = [...keptCapabilities.values()].reduce((set, bit) => set | (1n << BigInt(bit)), 0n);

  before(async () => {
    scratch = Scratch.open('test');
    sandbox = await startSandbox(scratch, { vmUuid: 'hard', vmName: 'hard', mounts: [fakeEmulatorMount] });
    driver = await startNodeDriver(scratch, {
      settings: { emulator: fakeEmulator },
      // Where cores are written unless the daemon says no.
      run: (command, log) => scratch.startBackground('prlimit', ['--core=unlimited', ...command], log),
    });
  });
  after(() => scratch.close());

  it('opens no inspector on SIGUSR1, and goes on', async () => {
    for (let i = 0; i < 3; i++) signalProcess(driver.process, 'SIGUSR1');
    await sleep(500);
    expect(listeningPorts(driver.process.pid)).to.deep.equal([driver.httpPort]);
    expect(isRunning(driver.process)).to.equal(true);
    expect(driver.log).to.not.include('Debugger');
  });

  it('is started without that signal as a program', () => {
    expect(readFileSync(join(root, 'daemon/main.ts'), 'utf8').split('\n')[0]).to.include('--disable-sigusr1');
  });

  it('is started without that signal in the image', () => {
    // The image's entry point, which executes Node.
    expect(readFileSync(join(root, 'Dockerfile'), 'utf8')).to.match(
      /^ENTRYPOINT \["\/usr\/local\/bin\/node-driver"\]/m,
    );
    expect(readFileSync(join(root, 'stub/node-driver.c'), 'utf8')).to.match(
      / options\[.* = \{"--disable-sigusr1"/,
    );
  });

  it('has the capabilities that are written down and no others, and so has its broker', () => {
    const before = BigInt(`0x${readStatusFields(process.pid).get('CapBnd') ?? ''}`);
    const [broker] = listDescendants(driver.process);
    for (const { pid } of [driver.process, ...(broker === undefined ? [] : [broker])]) {
      const status = readStatusFields(pid);
      for (const set of ['CapBnd', 'CapPrm', 'CapEff'])
        expect(BigInt(`0x${status.get(set) ?? ''}`), `${set} of ${pid}`).to.equal(kept & before);
      for (const set of ['CapInh', 'CapAmb']) expect(status.get(set), set).to.match(/^0+$/);
    }
    const documented = readFileSync(join(root, 'docs/security.md'), 'utf8').matchAll(/^\| `(CAP_\w+)`/gm);
    expect([...documented].map(([, name]) => name)).to.have.members([...keptCapabilities.keys()]);
  });

  it('starts VMs all the same', async () => {
    const launch = launchFake(driver, sandbox, { args: ['exit=7'] });
    const { status } = await launch.ended;
    expect(`${status ?? 'signal'} ${launch.stderr}`).to.equal('7 ');
  });

  it('writes no core file, and makes files for root alone', () => {
    const { pid } = driver.process;
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).to.match(/^Max core file size +0 /m);
    expect(readStatusFields(pid).get('Umask')).to.equal('0077');
  });

  it('has no abstract socket, nor has its broker or a shim', async () => {
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    await waitUntil('QEMU runs', () => sandbox.processes.find((pid) => pid !== sandbox.pid), 10_000);
    const own = [driver.process, ...listDescendants(driver.process)].flatMap(({ pid }) => [
      ...socketsOf(pid),
    ]);
    const abstract = readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.split(/\s+/))
      .filter(([, , , , , , inode = '', name = '']) => own.includes(inode) && name.startsWith('@'));
    launch.stub.kill('SIGTERM');
    await launch.ended;
    expect(own.length).to.be.greaterThan(3);
    expect(abstract).to.deep.equal([]);
  });

  it('closes the inspector that it was started with', async () => {
    const program = `
      import inspector from 'node:inspector';
      import { createLibc } from '${root}/daemon/host/libc.ts';
      import { hardenProcess } from '${root}/daemon/host/harden-process.ts';
      const before = inspector.url();
      hardenProcess({ ...createLibc(), keepCapabilities: () => undefined });
      console.log(typeof before, typeof inspector.url());
    `;
    const args = ['--inspect=127.0.0.1:0', '--input-type=module', '-e', program];
    expect((await runCommand(process.execPath, args)).stdout).to.equal('string undefined\n');
  });

  it('cannot be traced by its own user, nor can anything be added to what objects inherit', async () => {
    const program = `
      import { createLibc } from '${root}/daemon/host/libc.ts';
      import { hardenProcess } from '${root}/daemon/host/harden-process.ts';
      hardenProcess({ ...createLibc(), keepCapabilities: () => undefined });
      const merged = JSON.parse('{"__proto__": {"admin": true}}');
      try { Object.assign(Object.prototype, { admin: true }); } catch { console.log('closed'); }
      try { ({}).__proto__.admin = true; } catch { console.log('gone'); }
      console.log(String({}.admin), String(Object.assign({}, merged).admin));
      setInterval(() => undefined, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      ...findQemuAccount(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    try {
      await waitUntil('it is hardened', () => (/ \w+\n/.test(text) ? true : undefined), 20_000);
      expect(text).to.equal('closed\ngone\nundefined undefined\n');
      // What can't be dumped belongs to root there.
      expect(statSync(`/proc/${child.pid ?? 0}/environ`).uid).to.equal(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
