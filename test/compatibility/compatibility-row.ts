import type { Stage } from './stage.ts';

/** How libvirt starts QEMU: without a node driver, or through one of its two stubs. */
export type StageMode = 'bare' | 'fork' | 'exec';

/** What was seen, in words that are the same in every run: no pids, paths, times or sizes. */
export type Observation = Readonly<Record<string, string>>;

/** One operation of libvirt, tried in the same way in every mode. */
export interface CompatibilityRow {
  readonly group: string;
  /** As libvirt's users know it: `virsh save, restore`. */
  readonly operation: string;
  /** Leaves the shared machine of the stage running. */
  readonly run: (stage: Stage) => Promise<Observation>;
}
