import { setTimeout as sleep } from 'node:timers/promises';
import type { Xorshift } from '../fuzz/xorshift.ts';
import { launchFake, type FakeLaunch } from './fake-launch.ts';
import type { NodeDriver } from './node-driver.ts';
import type { Sandbox } from './sandbox.ts';
import { waitUntil } from './wait-until.ts';

const PAUSE_MS = 300;

/** One VM that starts and ends again and again, at random moments, whether a daemon runs or not. */
export class Traffic {
  readonly #driver: NodeDriver;
  readonly #sandbox: Sandbox;
  readonly #random: Xorshift;
  readonly #running: Promise<void>;
  #launch: FakeLaunch | undefined;
  #state: 'busy' | 'holding' | 'held' | 'stopping' = 'busy';
  #starts = 0;

  constructor(driver: NodeDriver, sandbox: Sandbox, random: Xorshift) {
    this.#driver = driver;
    this.#sandbox = sandbox;
    this.#random = random;
    this.#running = this.#run();
  }

  /** How often the VM came to run. */
  get starts(): number {
    return this.#starts;
  }

  /** Whether its stub runs; true while the VM is held is true of the VM. */
  get isRunning(): boolean {
    return this.#launch !== undefined;
  }

  /** Has the VM stay as it is, running or not, once it is one of them. */
  async hold(): Promise<void> {
    this.#state = 'holding';
    await waitUntil('the VM is held', () => (this.#state === 'held' ? true : undefined), 15_000, 10);
  }

  goOn(): void {
    this.#state = 'busy';
  }

  async stop(): Promise<void> {
    this.#state = 'stopping';
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#state !== 'stopping') {
      const launch = launchFake(this.#driver, this.#sandbox, { args: ['wait'] });
      this.#launch = launch;
      void launch.ended.then(() => (this.#launch = undefined));
      while (this.isRunning && !launch.report.includes('ready')) await sleep(5);
      if (this.isRunning) this.#starts++;
      await this.#rest();
      // As libvirt: it ends the process that it knows, and starts nothing before that is gone.
      if (this.isRunning) launch.stub.kill(this.#random.chance(30) ? 'SIGKILL' : 'SIGTERM');
      await launch.ended;
      await this.#rest();
    }
  }

  async #rest(): Promise<void> {
    await sleep(this.#random.below(PAUSE_MS));
    if (this.#state === 'holding') this.#state = 'held';
    while (this.#state === 'held') await sleep(5);
  }
}
