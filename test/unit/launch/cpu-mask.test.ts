import { expect } from 'chai';
import { cpuMask } from '../../../daemon/launch/cpu-mask.ts';

const word = (...bytes: readonly number[]): readonly number[] =>
  [...bytes, 0, 0, 0, 0, 0, 0, 0, 0].slice(0, 8);

describe('cpuMask', () => {
  const masks: readonly (readonly [string, readonly number[]])[] = [
    ['0', word(1)],
    ['0-3', word(0x0f)],
    ['0-3,8', word(0x0f, 0x01)],
    ['7,9-10', word(0x80, 0x06)],
    ['63', word(0, 0, 0, 0, 0, 0, 0, 0x80)],
    ['64', [...word(), ...word(1)]],
    ['', []],
    ['0-', []],
    ['a', []],
    ['3-0', []],
    ['0,,1', []],
    ['0 ', []],
  ];
  for (const [list, bytes] of masks)
    it(`of "${list}" is ${bytes.length} bytes with the right bits`, () => {
      expect([...cpuMask(list)]).to.deep.equal(bytes);
    });

  it('takes the largest number of CPUs that its text can name', () => {
    const mask = cpuMask('0-99999');
    expect(mask).to.have.lengthOf(12_504);
    expect(mask.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)).to.equal(
      100_000,
    );
  });
});
