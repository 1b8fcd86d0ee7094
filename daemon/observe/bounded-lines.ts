import { Writable } from 'node:stream';

import { mostWaitingBytes } from './most-waiting-bytes.ts';

/**
 * Hands lines on to a stream, but for those that come while too much of it waits for a reader already: nobody waits. A
 * stream that takes none, for its reader has gone or its disk is full, ends nothing. How many were lost is told as soon as
 * one gets through again.
 */
export class BoundedLines extends Writable {
  readonly #stream: Writable;
  readonly #onLost: (lines: number) => void;
  #lost = 0;

  constructor(stream: Writable, onLost: (lines: number) => void) {
    super({ decodeStrings: false });
    this.#stream = stream;
    this.#onLost = onLost;
    // Without a listener it would end the process. The lines that it is about are counted below.
    stream.on('error', () => undefined);
  }

  override _write(line: string, _encoding: BufferEncoding, done: () => void): void {
    if (this.#stream.writableLength > mostWaitingBytes) this.#lost++;
    else this.#stream.write(line, this.#noteWritten);
    done();
  }

  readonly #noteWritten = (error?: Error | null): void => {
    if (error) this.#lost++;
    // Only after one that got through: the line that tells would be lost, too, and bring about the next. And not only when
    // nothing waits any more: with a slow reader that may never be.
    else if (this.#stream.writableLength < mostWaitingBytes / 2) this.#tell();
  };

  #tell(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#onLost(lost);
  }
}
