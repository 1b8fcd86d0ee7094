import { randomUUID } from 'node:crypto';
import { EntryAttacker, type AttackerKind, type Loot } from './entry-attackers.ts';
import { Failpoints } from './failpoints.ts';
import { launchFake, type FakeLaunchTarget } from './fake-launch.ts';
import { fixturesMount, sayPod } from './hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from './node-driver.ts';
import { readStatusFields, signalProcess, type ProcessIdentity } from './processes.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';
import { waitForStoppedShim } from './stopped-shim.ts';

/** Where what becomes QEMU can be held, in the order in which it comes by: outside of the pod's PID namespace, and inside. */
export const outsidePoints = ['child-born', 'cgroups-joined', 'users-joined', 'namespaces-entered'] as const;
export const insidePoints = ['born-inside', 'before-exec'] as const;
export type EntryPoint = (typeof outsidePoints | typeof insidePoints)[number];

const HOLD_MS = 300;
/** Of the daemon's log, in a failure. */
const LOG_SIZE = 2000;
/** VMs of the pod that start at the same time. */
const VMS = 4;

/** Launches into the PID namespace of a pod that attacks what enters it. */
export class EntryRace {
  readonly #driver: NodeDriver;
  readonly #failpoints: Failpoints;
  readonly #pod: Sandbox;
  readonly #vms: readonly [FakeLaunchTarget, ...FakeLaunchTarget[]];

  private constructor(driver: NodeDriver, failpoints: Failpoints, pod: Sandbox, more: FakeLaunchTarget[]) {
    this.#driver = driver;
    this.#failpoints = failpoints;
    this.#pod = pod;
    this.#vms = [pod, ...more];
  }

  /**
   * @param isGuarded false: who enters may be traced by its uid, as other processes may
   * @param firstUserId the pod has a user namespace of its own
   */
  static async open(scratch: Scratch, isGuarded: boolean, firstUserId?: number): Promise<EntryRace> {
    const failpoints = Failpoints.open(scratch);
    const driver = await startNodeDriver(scratch, {
      failpoints,
      settings: {
        emulator: sayPod,
        namespaces: 'mnt net ipc uts cgroup pid',
        'secret-lifetime': '24h',
        'launch-rate': 'off',
      },
      ...(isGuarded ? {} : { without: ['TRACEABLE'] }),
    });
    const pod = await startSandbox(scratch, {
      vmUuid: randomUUID(),
      vmName: 'race',
      mounts: [fixturesMount, failpoints.mount],
      ...(firstUserId !== undefined && { firstUserId }),
    });
    const more: FakeLaunchTarget[] = [];
    while (more.length < VMS - 1) {
      const vm = { vmUuid: randomUUID(), vmName: `race-${more.length}`, secret: pod.secret };
      const identity = ['-kubevirt.vm.uuid', vm.vmUuid, '-kubevirt.vm.name', vm.vmName];
      await pod.execBackground(['virt-launcher', ...identity]);
      more.push(vm);
    }
    return new EntryRace(driver, failpoints, pod, more);
  }

  /** @returns what each attacker got in so many launches, all of which must succeed */
  async run(
    launches: number,
    kinds: readonly AttackerKind[],
    onLaunch?: (done: number) => void,
  ): Promise<readonly Loot[]> {
    const { attackers, stop } = await this.#attack(kinds);
    let begun = 0;
    let done = 0;
    const launchAgain = async (vm: FakeLaunchTarget): Promise<void> => {
      while (begun < launches) {
        begun++;
        await this.#launch(vm);
        onLaunch?.(++done);
      }
    };
    try {
      await Promise.all(this.#vms.map(launchAgain));
    } finally {
      await stop();
    }
    return Promise.all(attackers.map((attacker) => attacker.stop()));
  }

  /** The same with one launch that is held at this point while it is attacked. */
  async hold(point: EntryPoint, kinds: readonly AttackerKind[]): Promise<readonly Loot[]> {
    return this.#holdAt(point, async () => {
      const { attackers, stop } = await this.#attack(kinds);
      try {
        await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
      } finally {
        await stop();
      }
      return Promise.all(attackers.map((attacker) => attacker.stop()));
    });
  }

  /** What `/proc/PID/status` says of what becomes QEMU while it is held there. */
  async look(point: EntryPoint): Promise<ReadonlyMap<string, string>> {
    return this.#holdAt(point, (held) => Promise.resolve(readStatusFields(held.pid)));
  }

  async #holdAt<Result>(
    point: EntryPoint,
    action: (held: ProcessIdentity) => Promise<Result>,
  ): Promise<Result> {
    this.#failpoints.set(point);
    const launch = launchFake(this.#driver, this.#vms[0]);
    const held = await waitForStoppedShim(this.#driver, point);
    try {
      return await action(held);
    } finally {
      signalProcess(held, 'SIGCONT');
      await launch.ended;
    }
  }

  async #attack(
    kinds: readonly AttackerKind[],
  ): Promise<{ readonly attackers: readonly EntryAttacker[]; readonly stop: () => Promise<unknown> }> {
    const attackers = await Promise.all(kinds.map((kind) => EntryAttacker.start(this.#pod, kind)));
    return { attackers, stop: () => Promise.allSettled(attackers.map((attacker) => attacker.stop())) };
  }

  async #launch(vm: FakeLaunchTarget): Promise<void> {
    const launch = launchFake(this.#driver, vm);
    await launch.ended;
    if (!launch.report.includes(`pod ${this.#pod.podUid}`))
      throw new Error(
        `A launch failed under attack: ${launch.stderr.trim()}\n${this.#driver.log.slice(-LOG_SIZE)}`,
      );
  }
}
