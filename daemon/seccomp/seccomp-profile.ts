/** What becomes of a system call. */
export interface SeccompAction {
  readonly kind: 'kill-process' | 'kill-thread' | 'trap' | 'errno' | 'log' | 'allow';
  /** Only of `errno`. */
  readonly errno: number;
}

export type ConditionOperator = 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE' | 'MASKED_EQ';

/** Of one argument, all 64 bits of it. `MASKED_EQ`: the argument under the mask `value` is `valueTwo`. */
export interface ArgumentCondition {
  readonly index: number;
  readonly operator: ConditionOperator;
  readonly value: bigint;
  readonly valueTwo: bigint;
}

/** When an entry counts, or not. The names of architectures are Go's. */
export interface ProfileScope {
  readonly capabilities: readonly string[];
  readonly architectures: readonly string[];
  readonly minKernel: readonly [number, number] | null;
}

export interface ProfileEntry {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  /** All of them must hold. */
  readonly conditions: readonly ArgumentCondition[];
  readonly includes: ProfileScope;
  readonly excludes: ProfileScope;
}

/** A profile as a file tells it: of any architecture, and with names that this release may not know. */
export interface SeccompProfile {
  readonly defaultAction: SeccompAction;
  /** `SECCOMP_FILTER_FLAG_*`. */
  readonly flags: number;
  readonly entries: readonly ProfileEntry[];
}
