import type { MachineOutput } from '../../daemon/api/proto-types.ts';
import { fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startLibvirt } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver, type NodeDriverOptions } from '../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import type { Scratch } from '../support/scratch.ts';
import { createWatchedApiClient } from '../support/secret-watch/watched-api-client.ts';
import { waitUntil } from '../support/wait-until.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';

export interface BusyNodeOptions {
  /** VMs whose emulator is a stand-in, and whose stub is started as libvirt starts it. */
  readonly standIns: number;
  /** VMs that a libvirt starts, with QEMU. */
  readonly real: number;
  readonly onProgress?: (started: number) => void;
  readonly driver?: NodeDriverOptions;
}

/** A node with many running VMs, each in its own pod, in fork mode. */
export class BusyNode {
  readonly driver: NodeDriver;
  readonly pods: readonly Sandbox[];
  readonly launches: readonly FakeLaunch[];

  private constructor(driver: NodeDriver, pods: readonly Sandbox[], launches: readonly FakeLaunch[]) {
    this.driver = driver;
    this.pods = pods;
    this.launches = launches;
  }

  /** The scratch ends all of it. */
  static async start(scratch: Scratch, options: BusyNodeOptions): Promise<BusyNode> {
    const driver = await startNodeDriver(scratch, options.driver);
    const pods: Sandbox[] = [];
    const launches: FakeLaunch[] = [];
    const startPod = async (withStandIn: boolean): Promise<Sandbox> => {
      const name = `${scratch.id}-${pods.length}`;
      // The daemon has one path for both: the stand-in is in the place of QEMU.
      const mounts = withStandIn ? [{ ...fakeEmulatorMount, destination: QEMU }] : [];
      const pod = await startSandbox(scratch, { vmUuid: name, vmName: name, mounts });
      pods.push(pod);
      options.onProgress?.(pods.length);
      return pod;
    };
    for (let count = 0; count < options.standIns; count++) {
      const launch = launchFake(driver, await startPod(true), { args: ['wait'] });
      await launch.waitForLine('ready');
      launches.push(launch);
    }
    if (options.real > 0) {
      const libvirt = await startLibvirt(scratch);
      for (let count = 0; count < options.real; count++) {
        const { vmUuid, vmName, secret = '' } = await startPod(false);
        await libvirt.define({
          name: vmName,
          uuid: `7c0ffee0-0000-4000-8000-${String(count).padStart(12, '0')}`,
          emulator: driver.emulator,
          serialSocket: `/var/lib/libvirt/qemu/${vmName}.serial`,
          memory: 16,
          environment: {
            KUBEVIRT_IO_VM_UUID: vmUuid,
            KUBEVIRT_IO_VM_NAME: vmName,
            KUBEVIRT_IO_SECRET: secret,
          },
        });
        await libvirt.virsh(['start', vmName]);
      }
    }
    return new BusyNode(driver, pods, launches);
  }

  /** Pids of what runs in the pods beside their launchers. */
  get emulators(): readonly number[] {
    return this.pods.flatMap((pod) => pod.processes.filter((pid) => pid !== pod.pid));
  }

  async listMachines(): Promise<readonly MachineOutput[]> {
    const client = createWatchedApiClient({ socketPath: this.driver.apiSocket });
    try {
      return await client.listMachines();
    } finally {
      client.close();
    }
  }

  /** Starts the daemon again; gives the milliseconds until it serves and knows `count` running machines. */
  async readopt(count: number): Promise<number> {
    const begin = performance.now();
    await this.driver.start(10);
    const known = async (): Promise<true | undefined> => {
      const running = (await this.listMachines()).filter(({ state }) => state === 'MACHINE_STATE_RUNNING');
      return running.length === count ? true : undefined;
    };
    await waitUntil(`the daemon knows ${count} machines`, known, 20_000, 10);
    return performance.now() - begin;
  }
}
