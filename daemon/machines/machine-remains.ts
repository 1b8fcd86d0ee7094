import type { ShimCgroups } from '../host/shim-cgroups.ts';
import type { StateDirectory } from './state-directory.ts';
import type { OnTransition } from './transition.ts';

/**
 * A process is gone from its cgroup a moment after its connections are closed; but a shim stays for as long as something
 * lives that QEMU has left behind.
 */
const FIRST_RETRY_MS = 10;
const LAST_RETRY_MS = 2000;

export interface MachineRemainsOptions {
  readonly state: StateDirectory;
  readonly shimCgroups: ShimCgroups;
  readonly onError: (launchId: string, error: unknown) => void;
  readonly onTransition?: OnTransition;
}

/** What a machine leaves on the node when it ends: its record, and the cgroups of its shim. */
export class MachineRemains {
  readonly #options: MachineRemainsOptions;

  constructor(options: MachineRemainsOptions) {
    this.#options = options;
  }

  /**
   * In this order, so that a daemon which is killed in between leaves neither an end to be told again, nor cgroups that
   * the next one does not know of. Never throws.
   */
  remove(launchId: string): void {
    this.#guard(launchId, () => this.#options.state.forget(launchId));
    this.#removeRest(launchId);
  }

  /** Removes what daemons that were killed left behind, but for these launches. */
  removeUnknown(known: readonly string[]): void {
    for (const launchId of this.#options.shimCgroups.listOld())
      if (!known.includes(launchId)) this.#removeRest(launchId);
  }

  #removeRest(launchId: string, attempt = 0): void {
    const { state, shimCgroups, onTransition } = this.#options;
    this.#guard(launchId, () => {
      if (shimCgroups.remove(launchId)) {
        onTransition?.('shim-cgroups-removed');
        state.remove(launchId);
        return;
      }
      // What is still there when the daemon stops is removed by the next one.
      const wait = Math.min(FIRST_RETRY_MS * 5 ** attempt, LAST_RETRY_MS);
      setTimeout(() => this.#removeRest(launchId, attempt + 1), wait).unref();
    });
  }

  #guard(launchId: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.onError(launchId, error);
    }
  }
}
