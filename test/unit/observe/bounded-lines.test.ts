import { expect } from 'chai';
import { Writable } from 'node:stream';

import { BoundedLines } from '../../../daemon/observe/bounded-lines.ts';

/** As standard error, which takes lines again after an error. */
class Disk extends Writable {
  declare readonly _undestroy: () => void;
  readonly written: string[] = [];
  tried = 0;
  isFull = false;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(line: string, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.tried++;
    if (this.isFull) {
      done(new Error('ENOSPC'));
      return;
    }
    this.written.push(line);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error);
    this._undestroy();
  }
}

describe('BoundedLines', () => {
  let disk: Disk;
  let lines: BoundedLines;

  beforeEach(() => {
    disk = new Disk();
    lines = new BoundedLines(disk, (lost) => lines.write(`lost ${lost}`));
  });

  const write = async (...texts: readonly string[]): Promise<void> => {
    for (const text of texts) lines.write(text);
    await new Promise(setImmediate);
  };

  it('goes on where the stream takes no line, and tells how many were lost with the first that it takes', async () => {
    await write('a');
    disk.isFull = true;
    await write('b', 'c');
    await write('d');
    expect(disk.written).to.deep.equal(['a']);
    disk.isFull = false;
    await write('e');
    expect(disk.written).to.deep.equal(['a', 'e', 'lost 3']);
    await write('f');
    expect(disk.written.slice(3)).to.deep.equal(['f']);
  });

  it('tells nothing while no line gets through: that would be lost, too, and told again', async () => {
    const told: number[] = [];
    lines = new BoundedLines(disk, (lost) => told.push(lost));
    disk.isFull = true;
    for (let i = 0; i < 100; i++) await write('a');
    expect([disk.tried, told]).to.deep.equal([100, []]);
    disk.isFull = false;
    await write('b');
    expect(told).to.deep.equal([100]);
  });
});
