import { expect } from 'chai';
import { selectContainerInit } from '../../../daemon/target/select-container-init.ts';

describe('selectContainerInit', () => {
  const rows = [
    {
      name: 'the oldest, whatever its pid',
      processes: [
        { pid: 10, startTime: 200, nspid: [10, 1] },
        { pid: 900, startTime: 100, nspid: [900, 7] },
      ],
      pid: 900,
    },
    {
      name: 'pid 1 of a namespace among equally old ones',
      processes: [
        { pid: 10, startTime: 100, nspid: [10] },
        { pid: 11, startTime: 100, nspid: [11, 2] },
        { pid: 12, startTime: 100, nspid: [12, 1] },
      ],
      pid: 12,
    },
    {
      name: 'the outer one of two nested pid 1',
      processes: [
        { pid: 10, startTime: 100, nspid: [10, 2, 1] },
        { pid: 11, startTime: 100, nspid: [11, 1] },
      ],
      pid: 11,
    },
    {
      name: 'the lowest pid where nothing else tells',
      processes: [
        { pid: 12, startTime: 100, nspid: [12, 3] },
        { pid: 11, startTime: 100, nspid: [11, 2] },
      ],
      pid: 11,
    },
  ];
  for (const { name, processes, pid } of rows) {
    it(`takes ${name}, in any order`, () => {
      expect(selectContainerInit(processes)?.pid).to.equal(pid);
      expect(selectContainerInit(processes.toReversed())?.pid).to.equal(pid);
    });
  }

  it('finds none in an empty container', () => {
    expect(selectContainerInit([])).to.equal(null);
  });
});
