import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LibvirtHost } from '../support/libvirt-host.ts';
import { identify, isRunning, type ProcessIdentity } from '../support/processes.ts';
import type { CommandResult } from '../support/run-command.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { SerialConsole } from '../support/serial-console.ts';
import { waitUntil } from '../support/wait-until.ts';
import { buildMachineXml, type MachineXmlOptions } from './machine-xml.ts';

const PATIENCE_MS = 15_000;

/** The guest's sign of life: `boot` is another after each boot, `count` goes up twice a second from 0. */
export interface Heartbeat {
  readonly boot: string;
  readonly count: number;
}

/** A domain of one stage, with its pod where there is a node driver. */
export class TestMachine {
  readonly name: string;
  readonly uuid: string;
  readonly disk: string;
  readonly emulator: string;
  readonly xml: string;
  readonly libvirt: LibvirtHost;
  readonly pod: Sandbox | undefined;

  constructor(libvirt: LibvirtHost, pod: Sandbox | undefined, options: MachineXmlOptions) {
    this.libvirt = libvirt;
    this.pod = pod;
    this.name = options.name;
    this.uuid = options.uuid;
    this.disk = options.disk;
    this.emulator = options.emulator;
    this.xml = buildMachineXml(options);
  }

  /** A file with the XML, or with that of something else. */
  writeXml(xml: string = this.xml): string {
    const path = join(this.libvirt.directory, `${this.name}-${xml.length}.xml`);
    writeFileSync(path, xml, { mode: 0o600 });
    return path;
  }

  /** `virsh COMMAND NAME ARGUMENTS`, whatever comes of it. */
  async virsh(command: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.libvirt.virsh([command, this.name, ...args], { allowFailure: true });
  }

  /** The same, where anything but success is a failure of the test. */
  async do(command: string, ...args: readonly string[]): Promise<string> {
    return (await this.libvirt.virsh([command, this.name, ...args])).stdout.trim();
  }

  async define(): Promise<void> {
    await this.libvirt.define(this.xml);
  }

  async start(): Promise<void> {
    await this.define();
    await this.do('start');
  }

  /** E.g. `shut off (destroyed)`. */
  async state(): Promise<string> {
    const { stdout, stderr } = await this.virsh('domstate', '--reason');
    return stdout.trim() || (/not found|failed to get domain/.test(stderr) ? 'no domain' : stderr.trim());
  }

  async waitForState(wanted: RegExp): Promise<string> {
    let state = '';
    const reached = async (): Promise<true | undefined> => {
      state = await this.state();
      return wanted.test(state) ? true : undefined;
    };
    await waitUntil(`${this.name} is ${wanted.source}`, reached, PATIENCE_MS).catch(() => undefined);
    return state;
  }

  /** Waits until the guest agent answers: a first question may come before libvirt has connected to it. */
  async waitForAgent(): Promise<void> {
    const answers = async (): Promise<true | undefined> =>
      (await this.virsh('qemu-agent-command', '{"execute":"guest-ping"}')).status === 0 ? true : undefined;
    await waitUntil('the guest agent answers', answers, PATIENCE_MS);
  }

  /** The process that libvirt knows: QEMU, or the stub in fork mode. */
  get knownProcess(): ProcessIdentity {
    const pid = this.libvirt.readDomainPid(this.name);
    if (pid === undefined) throw new Error(`libvirt has no pid for ${this.name}`);
    return identify(pid);
  }

  /** QEMU itself. */
  get qemu(): ProcessIdentity {
    if (this.pod === undefined) return this.knownProcess;
    const [pid] = this.pod.processes.filter((each) => each !== this.pod?.pid);
    if (pid === undefined) throw new Error(`There is no QEMU in the pod of ${this.name}`);
    return identify(pid);
  }

  /** Whether nothing is left of processes that ran for this machine, and nothing but its launcher runs in the pod. */
  async whatIsLeft(...processes: readonly ProcessIdentity[]): Promise<string> {
    const left = (): readonly string[] => [
      ...processes.filter(isRunning).map(({ pid }) => `process ${pid}`),
      ...(this.pod?.processes ?? []).filter((pid) => pid !== this.pod?.pid).map((pid) => `${pid} in the pod`),
    ];
    await waitUntil('nothing is left', () => (left().length === 0 ? true : undefined), 5000).catch(
      () => undefined,
    );
    return left().join(', ') || 'nothing';
  }

  /** The guest's next sign of life. */
  async heartbeat(timeout = PATIENCE_MS): Promise<Heartbeat> {
    const serial = await this.#openSerial();
    try {
      const line = await serial.waitForLine(/guest boot=[0-9a-f]+ count=\d+$/, timeout);
      const [, boot = '', count = ''] = /boot=(\w+) count=(\d+)/.exec(line) ?? [];
      return { boot, count: Number(count) };
    } finally {
      serial.close();
    }
  }

  /** Types one key on the guest's console. */
  async press(key: 'q' | 'r'): Promise<void> {
    const serial = await this.#openSerial();
    serial.send(key);
    await serial.waitForLine(/^guest (powers off|reboots)/, PATIENCE_MS);
    serial.close();
  }

  /** `continued` when the guest of before runs on, `rebooted` when another boot runs. */
  async since({ boot, count }: Heartbeat): Promise<string> {
    const now = await this.heartbeat();
    if (now.boot !== boot) return 'rebooted';
    return now.count >= count ? 'continued' : `went back from ${count} to ${now.count}`;
  }

  /** Destroys and forgets the domain; from any state. */
  async remove(): Promise<void> {
    await this.virsh('destroy');
    await this.virsh('undefine', '--managed-save', '--snapshots-metadata', '--checkpoints-metadata');
    await this.pod?.remove();
  }

  #openSerial(): Promise<SerialConsole> {
    return SerialConsole.open(join(this.libvirt.directory, 'lib/qemu', `${this.name}.serial`));
  }
}
