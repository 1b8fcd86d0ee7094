import { Writable } from 'node:stream';

import { mostWaitingBytes } from './most-waiting-bytes.ts';

/**
 * Hands lines on to a stream, but for those that come while too much of it waits for a reader already: nobody waits, and
 * how many were lost is told as soon as there is room again.
 */
export class BoundedLines extends Writable {
  readonly #stream: Writable;
  readonly #onLost: (lines: number) => void;
  #lost = 0;

  constructor(stream: Writable, onLost: (lines: number) => void) {
    super({ decodeStrings: false });
    this.#stream = stream;
    this.#onLost = onLost;
    stream.on('drain', () => this.#tell());
  }

  override _write(line: string, _encoding: BufferEncoding, done: () => void): void {
    const { writableLength } = this.#stream;
    if (writableLength > mostWaitingBytes) this.#lost++;
    else this.#stream.write(line);
    // Not only when nothing waits any more: with a slow reader that may never be.
    if (this.#lost > 0 && writableLength < mostWaitingBytes / 2) process.nextTick(() => this.#tell());
    done();
  }

  #tell(): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#onLost(lost);
  }
}
