import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RefusalCode } from '../../daemon/errors.ts';
import type { LaunchMode } from '../../daemon/machines/machine.ts';
import { countPidfds, listLaunchTraces } from './launch-traces.ts';
import { startLibvirt, type LibvirtHost } from './libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from './node-driver.ts';
import { readArguments } from './processes.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from './sandbox.ts';
import { Scratch } from './scratch.ts';
import { listNew, type Snapshot } from './snapshot.ts';
import { readTimeScale } from './time-scale.ts';
import { waitUntil } from './wait-until.ts';

/** The longest that a refused start may take. */
const REFUSAL_MS = 5000;
/** Stub and shim may still be ending when libvirt reports. */
const ENDING_MS = 2000;

export interface Vm {
  readonly uuid: string;
  readonly name: string;
}

/** Variables of a domain; undefined leaves one out that would be there by default. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface Look {
  readonly traces: Snapshot;
  readonly refusals: Readonly<Record<string, number>> | null;
}

/** A daemon and a private libvirt, to start domains with and to see that nothing stays of those that were refused. */
export class StartBench {
  readonly scratch: Scratch;
  readonly driver: NodeDriver;
  readonly libvirt: LibvirtHost;
  readonly #pods: Sandbox[] = [];
  readonly #secrets = new Set<string>();
  #count = 0;

  private constructor(scratch: Scratch, driver: NodeDriver, libvirt: LibvirtHost) {
    this.scratch = scratch;
    this.driver = driver;
    this.libvirt = libvirt;
  }

  static async open(mode: LaunchMode = 'fork'): Promise<StartBench> {
    const scratch = Scratch.open('test');
    try {
      return new StartBench(scratch, await startNodeDriver(scratch, { mode }), await startLibvirt(scratch));
    } catch (error) {
      await scratch.close();
      throw error;
    }
  }

  newVm(): Vm {
    return { uuid: randomUUID(), name: `vm-${++this.#count}` };
  }

  /** Starts the pod of a VM, by default of a new one. */
  async startPod(options: Partial<SandboxOptions> = {}, vm: Vm = this.newVm()): Promise<Sandbox> {
    const pod = await startSandbox(this.scratch, { vmUuid: vm.uuid, vmName: vm.name, ...options });
    this.#pods.push(pod);
    this.expectNowhere(pod.secret);
    return pod;
  }

  /** Removes all pods. */
  async removePods(): Promise<void> {
    for (const pod of this.#pods.splice(0)) await pod.remove();
  }

  /** Notes a secret that must appear in nothing that the daemon writes. */
  expectNowhere(secret: string | undefined): void {
    if (secret !== undefined && secret.trim() !== '') this.#secrets.add(secret);
    this.scratch.watch.note(secret);
  }

  async define(vm: Vm, environment: Environment): Promise<void> {
    const all: Environment = {
      KUBEVIRT_IO_VM_UUID: vm.uuid,
      KUBEVIRT_IO_VM_NAME: vm.name,
      ...environment,
    };
    this.expectNowhere(all['KUBEVIRT_IO_SECRET']);
    await this.libvirt.define({
      name: vm.name,
      uuid: vm.uuid,
      emulator: this.driver.emulator,
      serialSocket: join(this.libvirt.directory, 'lib/qemu', `${vm.name}.sock`),
      environment: Object.fromEntries(
        Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    });
  }

  /** Starts a domain that must be refused, and gives the line that says why; checks that nothing else comes of it. */
  async refuse(vm: Vm, environment: Environment, reason: RefusalCode | null): Promise<string> {
    await this.define(vm, environment);
    const before = await this.#look(vm);
    const logged = this.libvirt.readDomainLog(vm.name).length;
    const { status, stderr, duration } = await this.libvirt.virsh(['start', vm.name], { allowFailure: true });
    expect(status, 'status of virsh').to.not.equal(0);
    expect(duration, 'milliseconds').to.be.lessThan(REFUSAL_MS * readTimeScale());
    const log = this.libvirt.readDomainLog(vm.name).slice(logged);
    const lines = findRefusals(log);
    expect(lines, log).to.have.lengthOf(1);
    expect(findRefusals(stderr), stderr).to.deep.equal(lines);
    await this.#expectNothingLeft(vm, before);
    if (reason !== null) {
      const count = (before.refusals?.[reason] ?? NaN) + 1;
      expect(await this.#countRefusals(), lines[0]).to.deep.equal({ ...before.refusals, [reason]: count });
    }
    const [line = ''] = lines;
    for (const secret of this.#secrets) expect(line).to.not.include(secret);
    return line;
  }

  /** Starts a domain that must start, expects its QEMU alone in the pod, and destroys it. */
  async start(pod: Sandbox, environment: Environment = { KUBEVIRT_IO_SECRET: pod.secret }): Promise<void> {
    const vm = { uuid: pod.vmUuid, name: pod.vmName };
    const own = pod.processes;
    await this.define(vm, environment);
    const before = await this.#look(vm);
    await this.libvirt.virsh(['start', vm.name]);
    const [qemu, ...others] = pod.processes.filter((pid) => !own.includes(pid));
    expect(others).to.deep.equal([]);
    expect(readArguments(qemu ?? 0)[0]).to.equal('/usr/bin/qemu-system-x86_64');
    expect(listFiles(join(this.driver.runDirectory, 'state'))).to.have.lengthOf.at.least(2);
    this.expectNoSecret();
    await this.scratch.watch.search(this.scratch);
    await this.libvirt.virsh(['destroy', vm.name]);
    await this.#expectNothingLeft(vm, before);
  }

  /** Expects the secrets of all tests so far in nothing that the daemon wrote or keeps. */
  expectNoSecret(): void {
    const kept = listFiles(this.driver.runDirectory).map((path) => readFileSync(path, 'utf8'));
    expect(this.#secrets.size).to.be.greaterThan(0);
    for (const secret of this.#secrets)
      for (const text of [this.driver.log, ...kept]) expect(text.includes(secret), secret).to.equal(false);
  }

  /** Expects the daemon to hold on to no process. */
  async expectNothingPinned(): Promise<void> {
    await waitUntil(
      'the daemon has let go of all processes',
      () => (countPidfds(this.driver.process.pid) === 0 ? true : undefined),
      ENDING_MS,
    );
  }

  async #look(vm: Vm): Promise<Look> {
    return { traces: this.#listTraces(vm), refusals: await this.#countRefusals() };
  }

  #listTraces(vm: Vm): Snapshot {
    const { driver, libvirt, scratch } = this;
    return listLaunchTraces({ driver, libvirt, pods: this.#pods, markers: [scratch.id, vm.uuid] });
  }

  async #expectNothingLeft(vm: Vm, { traces }: Look): Promise<void> {
    const left = (): readonly string[] => listNew(traces, this.#listTraces(vm));
    const isClean = (): true | undefined => (left().length === 0 ? true : undefined);
    await waitUntil('nothing is left', isClean, ENDING_MS).catch(() => undefined);
    expect(left()).to.deep.equal([]);
  }

  /** The daemon's counters by reason; null where none runs. */
  async #countRefusals(): Promise<Readonly<Record<string, number>> | null> {
    if (!(await this.driver.isReady())) return null;
    const text = await (await fetch(`http://127.0.0.1:${this.driver.httpPort}/metrics`)).text();
    const pattern = /^kubevirt_node_driver_launches_total\{result="refused",reason="([^"]+)"\} (\d+)$/gm;
    return Object.fromEntries(
      [...text.matchAll(pattern)].map(([, reason = '', count]) => [reason, Number(count)]),
    );
  }
}

/** What the stub wrote in a log of libvirt or in an error of virsh, without its name and the launch's id. */
export function findRefusals(text: string): readonly string[] {
  return [...text.matchAll(/qemu-kube(?:-exec)?: (.*)$/gm)].map(([, line = '']) => withoutLaunchId(line));
}

/** A refusal without the id of its launch, which is another one each time. */
export function withoutLaunchId(text: string): string {
  return text.replace(/ \(launch [0-9a-f-]{36}\)(?=$|\n)/g, '');
}

function listFiles(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
