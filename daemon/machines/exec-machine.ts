import type { Broker } from '../host/broker.ts';
import type { PinnedProcess } from '../host/pinned-process.ts';
import type { ProcessEnd } from '../host/process-watches.ts';
import { machineSignals } from './machine-signals.ts';

/** A QEMU that can't be killed yet, since it hangs in the kernel, is killed again after this long. */
const KILL_INTERVAL_MS = 1000;

export interface ExecMachineOptions {
  readonly broker: Pick<Broker, 'watch'>;
  /** Taken over. */
  readonly qemu: PinnedProcess;
  /** The first process of the pod's container; `null` when it has ended. Taken over. */
  readonly init: PinnedProcess | null;
  readonly podGoneGraceMs: number;
  /** The last call. */
  readonly onEnd: (end: ProcessEnd, reason: 'qemu' | 'pod-gone') => void;
}

/** One QEMU of exec mode, which has no shim: ends it when its pod ends, and tells of its end. */
export class ExecMachine implements Disposable {
  readonly #options: ExecMachineOptions;
  readonly #held = new DisposableStack();
  #isPodGone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ExecMachineOptions) {
    this.#options = options;
    const { broker, qemu, init } = options;
    this.#held.use(qemu);
    this.#held.use(init);
    this.#held.defer(() => clearInterval(this.#timer));
    this.#held.use(broker.watch(qemu.pidfd, (end) => this.#ended(end)));
    if (init === null) this.#endWithPod();
    else this.#held.use(broker.watch(init.pidfd, () => this.#endWithPod()));
  }

  /** @returns false when QEMU has ended */
  signal(number: number): boolean {
    return this.#options.qemu.signal(number);
  }

  /** Lets go of QEMU, which goes on. */
  [Symbol.dispose](): void {
    this.#held.dispose();
  }

  #endWithPod(): void {
    this.#isPodGone = true;
    this.signal(machineSignals.TERM);
    this.#timer = setTimeout(() => {
      this.signal(machineSignals.KILL);
      this.#timer = setInterval(() => this.signal(machineSignals.KILL), KILL_INTERVAL_MS);
    }, this.#options.podGoneGraceMs);
  }

  #ended(end: ProcessEnd): void {
    this.#held.dispose();
    this.#options.onEnd(end, this.#isPodGone ? 'pod-gone' : 'qemu');
  }
}
