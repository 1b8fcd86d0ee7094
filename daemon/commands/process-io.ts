import { hasCode } from '../errors.ts';
import type { CommandIo } from './command-io.ts';

/** The streams of this process. A reader that went away (`node-driver … | head`) ends nothing and says nothing. */
export function processIo(): CommandIo {
  const output = new AbortController();
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error) => {
      if (!hasCode(error, 'EPIPE')) process.exitCode = 1;
      if (stream === process.stdout) output.abort();
    });
  return {
    stdin: process.stdin,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    outputClosed: output.signal,
    isTerminal: process.stdin.isTTY,
    // https://no-color.org: set to whatever but nothing.
    hasColour: process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
  };
}
