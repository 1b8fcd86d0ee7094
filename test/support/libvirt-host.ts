import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DomainOptions } from './domain-xml.ts';
import { buildDomainXml } from './domain-xml.ts';
import type { LibvirtContainer, LibvirtSettings } from './libvirt-files.ts';
import { buildMountScript, libvirtDirectories, listMountPoints, writeLibvirtFiles } from './libvirt-files.ts';
import type { ProcessIdentity } from './processes.ts';
import { endProcess, identify, isRunning, listDescendants, readNestedPid } from './processes.ts';
import type { QemuAccount } from './qemu-account.ts';
import { findQemuAccount, listMissingAccounts } from './qemu-account.ts';
import { endProcessTree } from './remove-scratch.ts';
import type { CommandOptions, CommandResult } from './run-command.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';
import type { ServiceContainer } from './service-container.ts';
import { startServiceContainer } from './service-container.ts';
import { waitUntil } from './wait-until.ts';

const reaper = join(import.meta.dirname, '../fixtures/build/reaper');

/**
 * A libvirtd and a virtlogd of our own, in a mount namespace where every directory of libvirt is a private one: the
 * distribution's libvirt on the same machine, running or not, is not touched. Made by `startLibvirt`.
 */
export class LibvirtHost {
  /** The account that libvirt runs emulators as. */
  readonly account: QemuAccount = findQemuAccount();
  /** Holds the private directories `etc`, `lib`, `cache`, `log` and `run`. */
  readonly directory: string;
  readonly #scratch: Scratch;
  readonly #reapers: ProcessIdentity[] = [];
  #holder: ProcessIdentity | undefined;
  #container: ServiceContainer | undefined;
  #libvirtd: ProcessIdentity | undefined;
  #virtlogd: ProcessIdentity | undefined;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
    this.directory = join(scratch.directory, 'libvirt');
  }

  /** libvirtd itself, not the reaper above it. */
  get libvirtd(): ProcessIdentity {
    if (this.#libvirtd === undefined) throw new Error('libvirtd has not been started');
    return this.#libvirtd;
  }

  /** The container that libvirt was started in. */
  get container(): ServiceContainer {
    if (this.#container === undefined) throw new Error('libvirt is in no container');
    return this.#container;
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${this.directory}/run/libvirt-sock`;
  }

  /** libvirtd's log: warnings and errors. */
  get log(): string {
    const path = join(this.directory, 'log/libvirtd.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** What a domain's emulator wrote to its standard error, after libvirt's line about how it was started. */
  readDomainLog(name: string): string {
    const path = join(this.directory, 'log/qemu', `${name}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Starts virtlogd and libvirtd and waits until libvirtd answers. Called once, by `startLibvirt`. */
  async start(settings: LibvirtSettings): Promise<void> {
    writeLibvirtFiles(this.directory, this.account, settings);
    for (const path of listMountPoints()) {
      this.#scratch.claimDirectory(path);
      mkdirSync(path, { recursive: true, mode: 0o755 });
    }
    if (settings.container === undefined) await this.#startHolder(settings);
    else this.#container = await this.#startContainer(settings.container);
    this.#virtlogd = await this.#startDaemon('virtlogd');
    await this.startLibvirtd();
  }

  async #startHolder(settings: LibvirtSettings): Promise<void> {
    const log = join(this.directory, 'mounts.log');
    this.#holder = await this.#scratch.startBackground(
      'unshare',
      ['--mount', '--propagation', 'slave', 'sh', '-c', buildMountScript(this.directory, settings)],
      log,
    );
    const holder = this.#holder;
    await waitUntil(
      "libvirt's mount namespace is ready",
      () => {
        const text = readFileSync(log, 'utf8');
        if (!isRunning(holder)) throw new Error(`Cannot make a mount namespace for libvirt: ${text.trim()}`);
        return text.includes('ready\n') ? true : undefined;
      },
      10_000,
    );
  }

  /** Its first process reaps: libvirt takes a zombie for an emulator that lives. */
  #startContainer(container: LibvirtContainer): Promise<ServiceContainer> {
    const binds = Object.entries(libvirtDirectories).map(([name, destination]) => ({
      source: join(this.directory, name),
      destination,
    }));
    const accounts = listMissingAccounts().map(({ path }) => ({
      source: join(this.directory, basename(path)),
      destination: path,
    }));
    return startServiceContainer(this.#scratch, {
      name: 'libvirt',
      argv: ['/reaper', 'sleep', 'infinity'],
      namespaces: ['ipc', 'uts', 'cgroup', 'network', ...(container.hostPid ? [] : (['pid'] as const))],
      mounts: [
        { source: reaper, destination: '/reaper', readOnly: true },
        ...accounts,
        ...binds,
        ...container.mounts,
      ],
      capabilities: container.capabilities ?? [],
      ownUsers: container.ownUsers ?? false,
    });
  }

  /** Starts libvirtd, also again after it was ended; its domains stay. */
  async startLibvirtd(): Promise<void> {
    this.#libvirtd = await this.#startDaemon('libvirtd');
    await waitUntil(
      'libvirtd answers',
      async () => ((await this.virsh(['version'], { allowFailure: true })).status === 0 ? true : undefined),
      30_000,
    );
  }

  /** Ends libvirtd and only it, as a crash or an upgrade does. */
  async endLibvirtd(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await endProcess(this.libvirtd, signal === 'SIGTERM' ? 10_000 : 0);
  }

  /** Runs virsh, from outside of libvirt's mount namespace. */
  async virsh(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return runCommand('virsh', ['--quiet', '--connect', this.uri, ...args], options);
  }

  /** Defines a domain; `xml` may be given instead of the options. */
  async define(domain: DomainOptions | string): Promise<void> {
    if (typeof domain !== 'string') this.#scratch.watch.note(domain.environment?.['KUBEVIRT_IO_SECRET']);
    const xml = typeof domain === 'string' ? domain : buildDomainXml(domain);
    const path = join(this.directory, `domain-${randomBytes(4).toString('hex')}.xml`);
    writeFileSync(path, xml, { mode: 0o600 });
    await this.virsh(['define', path]);
  }

  /** Pid that libvirt knows for a running domain, in its own PID namespace: the stub's, or QEMU's. */
  readDomainPid(name: string): number | undefined {
    const path = join(this.directory, 'run/qemu', `${name}.pid`);
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
  }

  /** Destroys all domains, ends the daemons and the mount namespace. From any state; a second call does nothing. */
  async stop(): Promise<void> {
    if (this.#libvirtd !== undefined && isRunning(this.#libvirtd)) {
      const { stdout } = await this.virsh(['list', '--name'], { allowFailure: true, timeout: 10_000 });
      for (const name of stdout.split('\n').filter(Boolean)) {
        await this.virsh(['destroy', name], { allowFailure: true, timeout: 20_000 });
      }
    }
    for (const daemon of [this.#libvirtd, this.#virtlogd]) {
      if (daemon !== undefined) await endProcess(daemon, 10_000);
    }
    for (const process of this.#reapers) await endProcessTree(process);
    if (this.#holder !== undefined) await endProcess(this.#holder, 0);
    await this.#container?.remove();
  }

  async #startDaemon(name: 'libvirtd' | 'virtlogd'): Promise<ProcessIdentity> {
    const log = join(this.directory, `${name}.log`);
    const socket = join(this.directory, 'run', name === 'libvirtd' ? 'libvirt-sock' : 'virtlogd-sock');
    const args = [
      '--config',
      join(libvirtDirectories.etc, `${name}.conf`),
      '--pid-file',
      join(libvirtDirectories.run, `${name}.pid`),
    ];
    const find = await this.#run(log, [name, ...args]);
    return waitUntil(
      `${name} is ready`,
      () => {
        const child = find();
        if (child === null) {
          const said = `${readFileSync(log, 'utf8')}${name === 'libvirtd' ? this.log : ''}`;
          throw new Error(`Cannot start ${name}: ${said.trim().slice(-2000)}`);
        }
        const ready = child !== undefined && this.#ownsPidFile(name, child.pid) && existsSync(socket);
        return ready ? identify(child.pid) : undefined;
      },
      30_000,
    );
  }

  /** Runs a command where libvirt's files are. Gives what finds its process: null once that has ended. */
  async #run(log: string, command: readonly string[]): Promise<() => ProcessIdentity | null | undefined> {
    if (this.#container !== undefined) {
      const process = await this.#container.execBackground(command, log);
      return () => (isRunning(process) ? process : null);
    }
    const enter = ['nsenter', '--target', String(this.#holder?.pid), '--mount', '--'];
    const parent = await this.#scratch.startBackground(reaper, [...enter, ...command], log);
    this.#reapers.push(parent);
    return () => {
      const [child] = listDescendants(parent);
      return child ?? (isRunning(parent) ? undefined : null);
    };
  }

  /** The file has the pid as libvirt sees it. */
  #ownsPidFile(name: string, pid: number): boolean {
    const path = join(this.directory, 'run', `${name}.pid`);
    return existsSync(path) && Number(readFileSync(path, 'utf8')) === readNestedPid(pid);
  }
}

/** Starts a private libvirt. It is stopped when the scratch closes, also where this fails half-way. */
export async function startLibvirt(scratch: Scratch, settings: LibvirtSettings = {}): Promise<LibvirtHost> {
  const host = new LibvirtHost(scratch);
  scratch.defer('stop libvirt', () => host.stop());
  await host.start(settings);
  return host;
}
