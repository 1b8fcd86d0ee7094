import { expect } from 'chai';
import { encodeBpf } from '../../../daemon/seccomp/bpf.ts';
import { compileFilter } from '../../../daemon/seccomp/compile-filter.ts';
import { resolveRules } from '../../../daemon/seccomp/resolve-rules.ts';
import { seccompArchitecture, type SeccompMachine } from '../../../daemon/seccomp/seccomp-machine.ts';
import type {
  ArgumentCondition,
  ConditionOperator,
  ProfileEntry,
  SeccompAction,
  SeccompProfile,
} from '../../../daemon/seccomp/seccomp-profile.ts';
import { Xorshift } from '../../fuzz/xorshift.ts';
import { runBpf } from '../../support/run-bpf.ts';

const machine: SeccompMachine = { architecture: seccompArchitecture('x64'), kernel: [6, 1] };
const { audit, numbers } = machine.architecture;
const always = { capabilities: [], architectures: [], minKernel: null };
const allow: SeccompAction = { kind: 'allow', errno: 0 };
const errno = (value: number): SeccompAction => ({ kind: 'errno', errno: value });
const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;
const KILL_PROCESS = 0x8000_0000;

const entry = (
  names: readonly string[],
  action: SeccompAction,
  conditions: readonly ArgumentCondition[] = [],
): ProfileEntry => ({ names, action, conditions, includes: always, excludes: always });
const compile = (profile: Partial<SeccompProfile>): Buffer =>
  encodeBpf(
    compileFilter(
      resolveRules({ defaultAction: errno(1), flags: 0, entries: [], ...profile }, machine),
      machine.architecture,
    ),
  );
const run = (filter: Buffer, number: number, ...args: readonly bigint[]): number =>
  runBpf(filter, { audit, number, args });
const numberOf = (name: string): number => numbers.get(name) ?? -1;

/** What the words of an operator mean, without halves of words. */
const holds: Readonly<
  Record<ConditionOperator, (argument: bigint, value: bigint, valueTwo: bigint) => boolean>
> = {
  EQ: (argument, value) => argument === value,
  NE: (argument, value) => argument !== value,
  LT: (argument, value) => argument < value,
  LE: (argument, value) => argument <= value,
  GT: (argument, value) => argument > value,
  GE: (argument, value) => argument >= value,
  MASKED_EQ: (argument, value, valueTwo) => (argument & value) === valueTwo,
};
const operators: readonly ConditionOperator[] = ['EQ', 'NE', 'LT', 'LE', 'GT', 'GE', 'MASKED_EQ'];
const interesting = [
  0n,
  1n,
  0xffff_fffen,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1_0000_0001n,
  2n ** 63n,
  2n ** 64n - 1n,
];

describe('compileFilter', () => {
  it('kills a process of another architecture, and one that uses the numbers of x32', () => {
    const filter = compile({ defaultAction: allow });
    expect(runBpf(filter, { audit: 0x4000_0003, number: 0, args: [] })).to.equal(KILL_PROCESS);
    expect(run(filter, 0x4000_0000)).to.equal(KILL_PROCESS);
    expect(run(filter, 0)).to.equal(ALLOW);
  });

  it('decides about each number as the profile does', () => {
    const names = [...numbers.keys()].filter((_, index) => index % 3 !== 0);
    const filter = compile({ defaultAction: errno(7), entries: [entry(names, allow)] });
    const last = Math.max(...names.map(numberOf));
    const allowed = new Set(names.map(numberOf));
    for (let number = 0; number < 600; number++)
      expect(run(filter, number), `number ${number}`).to.equal(
        allowed.has(number) ? ALLOW : number > last ? ERRNO + 38 : ERRNO + 7,
      );
  });

  for (const operator of operators)
    it(`${operator} compares all 64 bits of an argument`, () => {
      for (const value of interesting)
        for (const valueTwo of operator === 'MASKED_EQ' ? interesting : [0n]) {
          const condition = { index: 5, operator, value, valueTwo };
          const filter = compile({ entries: [entry(['read'], allow, [condition])] });
          for (const argument of interesting)
            expect(run(filter, 0, 9n, 9n, 9n, 9n, 9n, argument), `${argument} ${operator} ${value}`).to.equal(
              holds[operator](argument, value, valueTwo) ? ALLOW : ERRNO + 1,
            );
        }
    });

  it('decides as the conditions say, for a thousand random profiles', () => {
    const random = new Xorshift(4);
    const pick = <Element>(list: readonly Element[]): Element => list[random.below(list.length)] as Element;
    const randomCondition = (index: number): ArgumentCondition => ({
      index,
      operator: pick(operators),
      value: pick(interesting),
      valueTwo: pick(interesting),
    });
    for (let round = 0; round < 1000; round++) {
      const entries = Array.from({ length: 1 + random.below(5) }, () =>
        entry(['read'], allow, [0, 1, 2, 3, 4, 5].filter(() => random.below(3) === 0).map(randomCondition)),
      );
      const filter = compile({ entries });
      const args = Array.from({ length: 6 }, () => pick(interesting));
      const expected = entries.some(({ conditions }) =>
        conditions.every(({ index, operator, value, valueTwo }) =>
          holds[operator](args[index] ?? 0n, value, valueTwo),
        ),
      );
      expect(run(filter, 0, ...args)).to.equal(expected ? ALLOW : ERRNO + 1);
    }
  });

  it('lets the strictest of entries that contradict each other count', () => {
    const one: ArgumentCondition = { index: 0, operator: 'EQ', value: 1n, valueTwo: 0n };
    const filter = compile({
      entries: [
        entry(['read', 'write', 'close'], allow),
        entry(['read'], errno(5)),
        entry(['write'], errno(6), [one]),
        entry(['open'], errno(7)),
        entry(['open'], allow, [one]),
      ],
    });
    expect(run(filter, numberOf('read'))).to.equal(ERRNO + 5);
    expect(run(filter, numberOf('write'), 1n)).to.equal(ERRNO + 6);
    expect(run(filter, numberOf('write'), 2n)).to.equal(ALLOW);
    expect(run(filter, numberOf('open'), 1n)).to.equal(ERRNO + 7);
    expect(run(filter, numberOf('close'))).to.equal(ALLOW);
  });

  it('takes as much as the kernel does, over far jumps, and refuses more', () => {
    const conditions = (count: number, value: number): readonly ArgumentCondition[] =>
      Array.from({ length: count }, (_, index) => ({
        index,
        operator: 'LT',
        value: BigInt(value),
        valueTwo: 0n,
      }));
    const differing = (count: number): readonly ProfileEntry[] =>
      [...numbers.keys()].map((name, index) => entry([name], allow, conditions(count, index + 1)));
    const filter = compile({ entries: differing(4).slice(0, 170) });
    expect(filter.length / 8).to.be.within(3000, 4096);
    const last = numberOf([...numbers.keys()][169] ?? '');
    expect(run(filter, last, 169n, 169n, 169n, 169n)).to.equal(ALLOW);
    expect(run(filter, last, 169n, 169n, 169n, 170n)).to.equal(ERRNO + 1);
    expect(run(filter, numberOf([...numbers.keys()][1] ?? ''), 1n, 1n, 1n, 1n)).to.equal(ALLOW);
    expect(() => compile({ entries: differing(6) })).to.throw(
      RangeError,
      /^it makes a filter of [0-9]+ instructions, and the kernel takes 4096$/,
    );
  });
});
