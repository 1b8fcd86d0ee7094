import { bpfCodes } from './bpf.ts';
import type { ArgumentCondition, ConditionOperator } from './seccomp-profile.ts';

/** Where to go: on, to the end of this condition (it holds), or to the end of its rule (it does not). */
export type ConditionJump = 'next' | 'holds' | 'fails';

export interface ConditionStep {
  readonly code: number;
  readonly k: number;
  readonly jumps?: readonly [then: ConditionJump, otherwise: ConditionJump];
}

/** Of `struct seccomp_data`, whose arguments have 64 bits. */
const FIRST_ARGUMENT = 16;

const { load, and, jumpIfEqual, jumpIfGreater, jumpIfGreaterOrEqual } = bpfCodes;

const step = (code: number, k: number, ...jumps: readonly ConditionJump[]): ConditionStep => {
  const [then, otherwise] = jumps;
  return then === undefined || otherwise === undefined ? { code, k } : { code, k, jumps: [then, otherwise] };
};

/** The upper halves differ, and so decide; or they are equal, and the lower halves decide. */
function compare(
  [high, low]: readonly [number, number],
  loads: readonly [ConditionStep, ConditionStep],
  operator: 'LT' | 'LE' | 'GT' | 'GE',
): readonly ConditionStep[] {
  const isGreater = operator === 'GT' || operator === 'GE';
  const code = operator === 'GT' || operator === 'LE' ? jumpIfGreater : jumpIfGreaterOrEqual;
  return [
    loads[0],
    step(jumpIfGreater, high, isGreater ? 'holds' : 'fails', 'next'),
    step(jumpIfEqual, high, 'next', isGreater ? 'fails' : 'holds'),
    loads[1],
    step(code, low, isGreater ? 'next' : 'fails', isGreater ? 'fails' : 'next'),
  ];
}

const halves = (value: bigint): readonly [number, number] => [
  Number((value >> 32n) & 0xffff_ffffn),
  Number(value & 0xffff_ffffn),
];

/** The steps of one condition, which end behind the last of them where it holds. */
export function compileCondition(condition: ArgumentCondition): readonly ConditionStep[] {
  const at = FIRST_ARGUMENT + 8 * condition.index;
  const loads = [step(load, at + 4), step(load, at)] as const;
  const value = halves(condition.value);
  const [high, low] = value;
  const compilers: Readonly<Record<ConditionOperator, () => readonly ConditionStep[]>> = {
    EQ: () => [
      loads[0],
      step(jumpIfEqual, high, 'next', 'fails'),
      loads[1],
      step(jumpIfEqual, low, 'next', 'fails'),
    ],
    NE: () => [
      loads[0],
      step(jumpIfEqual, high, 'next', 'holds'),
      loads[1],
      step(jumpIfEqual, low, 'fails', 'next'),
    ],
    LT: () => compare(value, loads, 'LT'),
    LE: () => compare(value, loads, 'LE'),
    GT: () => compare(value, loads, 'GT'),
    GE: () => compare(value, loads, 'GE'),
    MASKED_EQ: () => {
      const [wantedHigh, wantedLow] = halves(condition.valueTwo);
      return [
        ...[loads[0], step(and, high), step(jumpIfEqual, wantedHigh, 'next', 'fails')],
        ...[loads[1], step(and, low), step(jumpIfEqual, wantedLow, 'next', 'fails')],
      ];
    },
  };
  return compilers[condition.operator]();
}
