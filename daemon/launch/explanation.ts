import type { Refusal } from '../errors.ts';
import type { Target } from '../target/target.ts';

/** What a launch decides on, in this order. */
export type ExplainedStep = 'identity' | 'profile' | 'target' | 'secret' | 'kubernetes' | 'running' | 'plan';

/** One step of a launch. `skipped`: it was not asked for, or what it needs is not known. */
export interface StepVerdict {
  readonly step: ExplainedStep;
  readonly verdict: 'ok' | 'refused' | 'skipped';
  /** What it was found by, or the cause of the refusal. Never a secret. */
  readonly message: string;
  readonly remedy: string | null;
  /** Of a refusal. */
  readonly code: string | null;
}

/** A process that is a launcher of the VM, or looks much like one. */
export interface Candidate {
  readonly pid: number;
  readonly podUid: string | null;
  readonly containerId: string | null;
  /** Null: it is one. */
  readonly reason: string | null;
}

/** How a launch would go. */
export interface Explanation {
  readonly steps: readonly StepVerdict[];
  readonly candidates: readonly Candidate[];
  /** What came of the secret; null where none was checked. */
  readonly secret: Target | Refusal | null;
}
