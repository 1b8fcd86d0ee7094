import { bpfCodes, MAX_BPF_INSTRUCTIONS, type BpfInstruction } from './bpf.ts';
import { compileCondition, type ConditionJump } from './compile-condition.ts';
import type { SyscallRule, SyscallRules } from './resolve-rules.ts';
import type { SeccompArchitecture } from './seccomp-machine.ts';
import type { ArgumentCondition, SeccompAction } from './seccomp-profile.ts';

/** Of `struct seccomp_data`. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const SHORTEST_FAR_JUMP = 256;

const returnValues: Readonly<Record<SeccompAction['kind'], number>> = {
  'kill-process': 0x8000_0000,
  'kill-thread': 0,
  trap: 0x0003_0000,
  errno: 0x0005_0000,
  log: 0x7ffc_0000,
  allow: 0x7fff_0000,
};

/** Numbers from `from` to the next block's that have the same code. */
interface Block {
  readonly from: number;
  readonly code: readonly BpfInstruction[];
}

function finish({ kind, errno }: SeccompAction): BpfInstruction {
  return { code: bpfCodes.return, k: returnValues[kind] + (kind === 'errno' ? errno : 0) };
}

/** Its conditions one after the other, then what it does; where one of them fails, on behind that. */
function compileCase(
  conditions: readonly ArgumentCondition[],
  action: SeccompAction,
): readonly BpfInstruction[] {
  const compiled = conditions.map(compileCondition);
  const length = compiled.reduce((sum, steps) => sum + steps.length, 1);
  const code: BpfInstruction[] = [];
  for (const steps of compiled) {
    const end = code.length + steps.length;
    for (const { code: operation, k, jumps } of steps) {
      const here = code.length + 1;
      const targets: Readonly<Record<ConditionJump, number>> = { next: here, holds: end, fails: length };
      code.push(
        jumps === undefined
          ? { code: operation, k }
          : { code: operation, k, jt: targets[jumps[0]] - here, jf: targets[jumps[1]] - here },
      );
    }
  }
  return [...code, finish(action)];
}

function compileRule({ cases, otherwise }: SyscallRule): readonly BpfInstruction[] {
  return [...cases.flatMap(({ conditions, action }) => compileCase(conditions, action)), finish(otherwise)];
}

function listBlocks(rules: SyscallRules): readonly Block[] {
  const numbers = [...rules.byNumber.keys()].sort((a, b) => a - b);
  const blocks: Block[] = [];
  const add = (from: number, code: readonly BpfInstruction[]): void => {
    const before = blocks.at(-1);
    if (before?.from === from) blocks.pop();
    if (JSON.stringify(blocks.at(-1)?.code) !== JSON.stringify(code)) blocks.push({ from, code });
  };
  add(0, [finish(rules.otherwise)]);
  for (const number of numbers) {
    const rule = rules.byNumber.get(number);
    if (rule !== undefined) add(number, compileRule(rule));
    add(number + 1, [finish(rules.otherwise)]);
  }
  add(rules.lastNumber + 1, [finish(rules.later)]);
  return blocks;
}

/** A balanced tree: nine comparisons for any of 400 calls, where a list would take hundreds. */
function compileTree(blocks: readonly Block[]): readonly BpfInstruction[] {
  const [first] = blocks;
  if (first === undefined) throw new Error('Cannot compile a filter of nothing');
  if (blocks.length === 1) return first.code;
  const middle = blocks.length >> 1;
  const lower = compileTree(blocks.slice(0, middle));
  const upper = compileTree(blocks.slice(middle));
  const k = blocks[middle]?.from ?? 0;
  const branch =
    lower.length < SHORTEST_FAR_JUMP
      ? [{ code: bpfCodes.jumpIfGreaterOrEqual, k, jt: lower.length, jf: 0 }]
      : [
          { code: bpfCodes.jumpIfGreaterOrEqual, k, jt: 0, jf: 1 },
          { code: bpfCodes.jump, k: lower.length },
        ];
  return [...branch, ...lower, ...upper];
}

/**
 * The program that decides about each system call. A process of another architecture or ABI is killed: its numbers mean
 * other calls.
 *
 * @throws RangeError when it is longer than the kernel takes
 */
export function compileFilter(
  rules: SyscallRules,
  { audit, foreignFrom }: SeccompArchitecture,
): readonly BpfInstruction[] {
  const kill = finish({ kind: 'kill-process', errno: 0 });
  const tree = compileTree(listBlocks(rules));
  const program = [
    { code: bpfCodes.load, k: ARCHITECTURE },
    { code: bpfCodes.jumpIfEqual, k: audit, jt: 1, jf: 0 },
    kill,
    { code: bpfCodes.load, k: NUMBER },
    ...(foreignFrom === null
      ? []
      : [{ code: bpfCodes.jumpIfGreaterOrEqual, k: foreignFrom, jt: 0, jf: 1 }, kill]),
    ...tree,
  ];
  if (program.length <= MAX_BPF_INSTRUCTIONS) return program;
  throw new RangeError(
    `it makes a filter of ${program.length} instructions, and the kernel takes ${MAX_BPF_INSTRUCTIONS}`,
  );
}
