import { expect } from 'chai';
import { findQemuOption, qemuOptions } from '../../../daemon/launch/qemu-options.ts';

describe('qemuOptions', () => {
  const cases: readonly [string, readonly (readonly [string | null, string])[]][] = [
    ['', []],
    [
      'a=1,b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'socket,id=x',
      [
        [null, 'socket'],
        ['id', 'x'],
      ],
    ],
    [
      'guest=a,,b,process=p',
      [
        ['guest', 'a,b'],
        ['process', 'p'],
      ],
    ],
    [
      'guest=a,,,b=c',
      [
        ['guest', 'a,'],
        ['b', 'c'],
      ],
    ],
    [
      'a,,b,c',
      [
        [null, 'a,b'],
        [null, 'c'],
      ],
    ],
    ['a=b=c', [['a', 'b=c']]],
    [
      'a=1,b',
      [
        ['a', '1'],
        [null, 'b'],
      ],
    ],
    ['a=,,', [['a', ',']]],
    ['=x', [['', 'x']]],
  ];
  for (const [text, expected] of cases)
    it(`splits ${JSON.stringify(text)}`, () => {
      expect([...qemuOptions(text)].map(({ key, value }) => [key, value])).to.deep.equal(expected);
    });

  it('reads no further than it is asked to', () => {
    const options = qemuOptions(`a=1,b=2,${'x,'.repeat(1 << 24)}`);
    expect(findQemuOption(options, 'b')).to.equal('2');
    expect(options.next().done, 'it has ended').to.equal(true);
  });

  it('takes linear time and memory for megabytes of commas', () => {
    expect([...qemuOptions(',x'.repeat(1 << 20))]).to.have.length((1 << 20) + 1);
    expect([...qemuOptions(','.repeat(1 << 22))]).to.have.length(1);
  });
});

describe('findQemuOption', () => {
  it('returns the first value of a key, null without one', () => {
    const options = [...qemuOptions('a=1,a=2')];
    expect(findQemuOption(options, 'a')).to.equal('1');
    expect(findQemuOption(options, 'b')).to.equal(null);
  });
});
