import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseStat } from '../../../daemon/target/parse-stat.ts';

const tail = '4 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 200 18446744073709551615';

describe('parseStat', () => {
  const names = [
    'bash',
    '',
    'a b',
    ') R 1 1',
    '((',
    '))',
    ') ',
    '(a) b',
    'x\ny',
    'tmux: server',
    '15 bytes of it!',
  ];
  for (const comm of names) {
    it(`finds the fields behind the name ${JSON.stringify(comm)}`, () => {
      expect(parseStat(`42 (${comm}) S ${tail}\n`)).to.deep.equal({
        pid: 42,
        startTime: 987654,
        comm,
        state: 'S',
        ppid: 4,
      });
    });
  }

  it('reads a process of this machine', () => {
    const stat = parseStat(readFileSync('/proc/self/stat', 'latin1'));
    expect(stat).to.include({ pid: process.pid, ppid: process.ppid });
    expect(stat?.startTime).to.be.greaterThan(0);
  });

  const malformed = [
    '',
    '42 bash S 1',
    '42 (bash) S 4',
    `x (bash) S ${tail}`,
    `42 (bash) SS ${tail}`,
    `42 (bash) S x${tail}`,
    `42 (bash) S ${tail.replace('987654', '-1')}`,
    `42 (bash) S ${tail.replace('987654', '9'.repeat(20))}`,
  ];
  for (const text of malformed) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      expect(parseStat(text)).to.equal(null);
    });
  }
});
