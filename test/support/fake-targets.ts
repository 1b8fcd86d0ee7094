import type { PinnedTarget } from '../../daemon/launch/pinned-target.ts';
import type { FoundTargets } from '../../daemon/launch/target-finder.ts';
import { exampleTarget } from './api-fixtures.ts';

/** Targets without processes behind them, which tell how many of them are held. */
export class FakeTargets {
  #held = 0;

  get held(): number {
    return this.#held;
  }

  /** What a search finds: one target a pod. */
  find(...pods: readonly string[]): FoundTargets {
    return { targets: pods.map((podUid, index) => this.#pin(podUid, index)), turnedDown: [], zombies: [] };
  }

  #pin(podUid: string, index: number): PinnedTarget {
    this.#held++;
    let isHeld = true;
    const fake = {
      target: { ...exampleTarget, podUid, pid: 100 + index },
      launcher: { directory: 3, isAlive: () => true },
      [Symbol.dispose]: () => {
        if (!isHeld) throw new Error('It is disposed of twice');
        isHeld = false;
        this.#held--;
      },
    };
    return fake as unknown as PinnedTarget;
  }
}
