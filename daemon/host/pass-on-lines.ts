import type { Readable } from 'node:stream';

/** Nobody writes a longer line by intent; the rest of one that is longer is left out. */
const LONGEST = 1024;

/** Calls back for each line that comes out of a stream. It is read to its end, which nobody waits for. */
export function passOnLines(stream: Readable, onLine: (line: string) => void): void {
  let line = '';
  const pass = (): void => {
    if (line !== '') onLine(line);
    line = '';
  };
  stream.setEncoding('latin1');
  stream.on('data', (text: string) => {
    const [first = '', ...others] = text.split('\n');
    line = (line + first).slice(0, LONGEST);
    for (const next of others) {
      pass();
      line = next.slice(0, LONGEST);
    }
  });
  stream.on('error', () => undefined); // 'close' follows
  stream.once('close', pass);
}
