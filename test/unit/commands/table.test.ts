import { expect } from 'chai';

import { printable } from '../../../daemon/commands/printable.ts';
import { formatTable } from '../../../daemon/commands/table.ts';

describe('formatTable()', () => {
  const cases: readonly (readonly [string, readonly (readonly string[])[], string])[] = [
    ['nothing', [], ''],
    [
      'columns of different widths',
      [
        ['A', 'BB'],
        ['CCC', 'D'],
      ],
      'A    BB\nCCC  D\n',
    ],
    ['rows of different lengths', [['A'], ['B', 'C']], 'A\nB  C\n'],
    [
      'empty cells without spaces at the end',
      [
        ['A', ''],
        ['BB', 'C'],
      ],
      'A\nBB  C\n',
    ],
    [
      'characters outside of the basic plane as one',
      [
        ['𝒱', 'x'],
        ['ab', 'y'],
      ],
      '𝒱   x\nab  y\n',
    ],
  ];
  for (const [what, rows, text] of cases)
    it(`aligns ${what}`, () => {
      expect(formatTable(rows)).to.equal(text);
    });
});

describe('printable()', () => {
  it('replaces what could drive a terminal, and keeps the rest', () => {
    expect(printable('a\u001b[31m\u202eb\nc')).to.equal('a\ufffd[31m\ufffdb\ufffdc');
    expect(printable('ünïcode 虚拟机')).to.equal('ünïcode 虚拟机');
  });
});
