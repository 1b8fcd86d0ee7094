import type { LaunchMode } from '../machines/machine.ts';
import type { NamespaceKind } from '../target/target.ts';

/** What may differ between the launches of two profiles. */
export interface LaunchSettings {
  readonly mode: LaunchMode;
  /** Path of QEMU in the pod. */
  readonly emulator: string;
  /** Those that QEMU joins. */
  readonly namespaces: readonly NamespaceKind[];
  /** Real uids that may launch. */
  readonly launchUids: ReadonlySet<number>;
}

/** A probe profile of this node, with what holds for it. */
export interface Profile extends LaunchSettings {
  readonly name: string;
}
