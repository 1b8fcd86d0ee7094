import { randomUUID } from 'node:crypto';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeDiskGuest } from '../support/disk-guest.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import type { StageMode } from './compatibility-row.ts';
import { TestMachine } from './test-machine.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';

/** A private libvirt, and a node driver except in bare mode, for the operations of one mode to be tried on. */
export class Stage {
  readonly mode: StageMode;
  readonly scratch: Scratch;
  readonly libvirt: LibvirtHost;
  readonly driver: NodeDriver | undefined;
  /** Holds what QEMU and libvirt both open by its path, as a volume does that a pod and a node share. */
  readonly volume: string;
  #shared: Promise<TestMachine> | undefined;
  #neighbour: Promise<LibvirtHost> | undefined;
  #count = 0;

  private constructor(mode: StageMode, scratch: Scratch, libvirt: LibvirtHost, driver?: NodeDriver) {
    this.mode = mode;
    this.scratch = scratch;
    this.libvirt = libvirt;
    this.driver = driver;
    this.volume = join(scratch.directory, 'volume');
    mkdirSync(this.volume, { mode: 0o755 });
    chownSync(this.volume, libvirt.account.uid, libvirt.account.gid);
  }

  static async open(mode: StageMode): Promise<Stage> {
    const scratch = Scratch.open('test');
    try {
      const driver = mode === 'bare' ? undefined : await startNodeDriver(scratch, { mode });
      return new Stage(mode, scratch, await startLibvirt(scratch), driver);
    } catch (error) {
      await scratch.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.scratch.close();
  }

  /** The machine that all operations share which leave it running; started by the first. */
  shared(): Promise<TestMachine> {
    this.#shared ??= this.newMachine().then(async (machine) => {
      await machine.start();
      await machine.heartbeat();
      await machine.waitForAgent();
      return machine;
    });
    return this.#shared;
  }

  /** A domain of its own, not defined yet, with a disk and its pod. */
  async newMachine(): Promise<TestMachine> {
    const name = `machine-${++this.#count}`;
    const disk = join(this.volume, `${name}.img`);
    writeDiskGuest(disk);
    return this.#machine(this.libvirt, { name, uuid: randomUUID(), disk });
  }

  /** The same machine on a second libvirt of this node, in another pod with another secret: where to migrate it to. */
  async newDestination({
    name,
    uuid,
    disk,
  }: Pick<TestMachine, 'name' | 'uuid' | 'disk'>): Promise<TestMachine> {
    this.#neighbour ??= this.#startNeighbour();
    return this.#machine(await this.#neighbour, { name, uuid, disk });
  }

  /** Has a row work with a running machine of its own, and removes it afterwards. */
  async withMachine<T>(use: (machine: TestMachine) => Promise<T>): Promise<T> {
    const machine = await this.newMachine();
    try {
      await machine.start();
      await machine.heartbeat();
      await machine.waitForAgent();
      return await use(machine);
    } finally {
      await machine.remove();
    }
  }

  async #machine(
    libvirt: LibvirtHost,
    { name, uuid, disk }: { readonly name: string; readonly uuid: string; readonly disk: string },
  ): Promise<TestMachine> {
    const pod = this.driver === undefined ? undefined : await this.#startPod(uuid, name);
    const environment: Record<string, string> =
      pod === undefined
        ? {}
        : {
            KUBEVIRT_IO_VM_UUID: uuid,
            KUBEVIRT_IO_VM_NAME: name,
            KUBEVIRT_IO_SECRET: pod.secret ?? '',
          };
    return new TestMachine(libvirt, pod, {
      name,
      uuid,
      emulator: this.driver?.emulator ?? QEMU,
      environment,
      disk,
    });
  }

  #startPod(vmUuid: string, vmName: string): Promise<Sandbox> {
    const mounts = [{ source: this.volume, destination: this.volume }];
    return startSandbox(this.scratch, { vmUuid, vmName, mounts });
  }

  /** In a scratch of its own, which ends with this stage's. */
  async #startNeighbour(): Promise<LibvirtHost> {
    const scratch = Scratch.open('test');
    this.scratch.defer('close the second libvirt', () => scratch.close());
    return startLibvirt(scratch);
  }
}
