import type { NodeFinding } from '../doctor/finding.ts';
import type { Asker } from '../fair-queue.ts';
import type { Explanation } from '../launch/explanation.ts';
import type { LaunchQuestion } from '../launch/launch-explainer.ts';
import type { MachineRegistry } from '../machines/machine-registry.ts';
import type { LogVolume } from '../observe/logger.ts';
import type { Target, VmIdentity } from '../target/target.ts';

/** A secret that was found to be valid. */
export interface ValidSecret {
  /** The pod that holds it. */
  readonly target: Target;
  /** From then on it is refused; `null` when it does not expire. */
  readonly validUntil: Date | null;
}

/** What the daemon is, and what it finds on its node. */
export interface NodeStatus {
  readonly version: string;
  readonly commit: string;
  readonly nodeVersion: string;
  readonly startedAt: Date;
  readonly findings: readonly NodeFinding[];
}

/** What the API asks of the daemon. The promises reject with `Refusal` when the answer is no. */
export interface ApiBackend {
  resolve(vm: VmIdentity, asker: Asker): Promise<Target>;
  validateSecret(vm: VmIdentity, secret: string, asker: Asker): Promise<ValidSecret>;
  readonly machines: Pick<MachineRegistry, 'list' | 'get' | 'revision' | 'subscribe'>;
  /** Sends QEMU a signal; false when its supervisor can't be reached now. */
  signalMachine(launchId: string, signal: number): boolean;
  readonly logVolume: LogVolume;
  nodeStatus(): Promise<NodeStatus>;
  explain(question: LaunchQuestion, asker: Asker): Promise<Explanation>;
}
