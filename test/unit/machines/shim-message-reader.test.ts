import { expect } from 'chai';
import { ShimMessageReader } from '../../../daemon/machines/shim-message-reader.ts';

describe('ShimMessageReader', () => {
  const read = (...lines: readonly string[]): unknown => {
    const reader = new ShimMessageReader();
    return lines.map((line) => reader.read(line));
  };

  it('gives a started QEMU the inode that came before', () => {
    expect(read('shim 1 41 1', 'inode 4711', 'started 42 2')).to.deep.equal([
      { kind: 'shim', shim: { pid: 41, startTime: 1 } },
      null,
      { kind: 'started', qemu: { pid: 42, startTime: 2, inode: 4711 } },
    ]);
  });

  it('reads a shim that tells no inode, or none that can be one', () => {
    const started = { kind: 'started', qemu: { pid: 42, startTime: 2 } };
    expect(read('started 42 2')).to.deep.equal([started]);
    expect(read('inode x', 'inode -1', 'inode 12345678901234567', 'started 42 2')).to.deep.equal([
      null,
      null,
      null,
      started,
    ]);
  });
});
