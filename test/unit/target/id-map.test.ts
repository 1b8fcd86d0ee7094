import { expect } from 'chai';
import { nodeIdOf, parseIdMap, podIdOf } from '../../../daemon/target/id-map.ts';

const line = (first: number, nodeFirst: number, count: number): string =>
  `${[first, nodeFirst, count].map((field) => String(field).padStart(10)).join(' ')}\n`;

describe('parseIdMap', () => {
  it('reads the ranges as the kernel writes them', () => {
    expect(parseIdMap(line(0, 1_000_000, 65_536) + line(65_536, 70_000, 1))).to.deep.equal([
      { first: 0, nodeFirst: 1_000_000, count: 65_536 },
      { first: 65_536, nodeFirst: 70_000, count: 1 },
    ]);
    expect(parseIdMap(line(0, 0, 4_294_967_295))).to.have.lengthOf(1);
    expect(parseIdMap(line(0, 1, 1).repeat(340))).to.have.lengthOf(340);
  });

  for (const [what, text] of [
    ['a map that is not written yet', ''],
    ['a line without an end', line(0, 1000, 1).trimEnd()],
    ['an empty line', `${line(0, 1000, 1)}\n`],
    ['two numbers', '0 1000\n'],
    ['four numbers', '0 1000 1 1\n'],
    ['a sign', '0 -1 1\n'],
    ['a word', '0 x 1\n'],
    ['another number base', '0 0x10 1\n'],
    ['a tab', '0\t1000\t1\n'],
    ['no id', line(0, 1000, 0)],
    ['ids that no namespace has', line(4_294_967_295, 1000, 1)],
    ['ids beyond the last one', line(1, 1000, 4_294_967_295)],
    ['an id that the reader does not have', line(0, 4_294_967_295, 1)],
    ['a number of eleven digits', '0 10000000000 1\n'],
    ['more ranges than the kernel takes', line(0, 1, 1).repeat(341)],
  ] as const)
    it(`does not take ${what}`, () => expect(parseIdMap(text)).to.equal(null));
});

describe('nodeIdOf and podIdOf', () => {
  const map = [
    { first: 0, nodeFirst: 1_000_000, count: 100 },
    { first: 200, nodeFirst: 5000, count: 2 },
  ];

  it('translate the first and the last id of each range, to and fro', () => {
    for (const [id, nodeId] of [
      [0, 1_000_000],
      [99, 1_000_099],
      [200, 5000],
      [201, 5001],
    ] as const) {
      expect(nodeIdOf(map, id)).to.equal(nodeId);
      expect(podIdOf(map, nodeId)).to.equal(id);
    }
  });

  it('know no id outside of the ranges', () => {
    for (const id of [100, 199, 202, 1_000_000]) expect(nodeIdOf(map, id), String(id)).to.equal(null);
    for (const id of [999_999, 1_000_100, 4999, 5002, 0]) expect(podIdOf(map, id), String(id)).to.equal(null);
  });
});
