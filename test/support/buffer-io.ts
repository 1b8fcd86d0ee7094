import { Readable } from 'node:stream';

import type { CommandIo } from '../../daemon/commands/command-io.ts';

/** Streams of a command that collect what it writes. */
export interface BufferIo extends CommandIo {
  readonly written: { out: string; err: string };
  /** As if the reader of standard output went away. */
  readonly closeOutput: () => void;
}

export function bufferIo(input = ''): BufferIo {
  const output = new AbortController();
  const written = { out: '', err: '' };
  return {
    written,
    stdin: Readable.from([input]),
    stdout: (text) => {
      written.out += text;
    },
    stderr: (text) => {
      written.err += text;
    },
    outputClosed: output.signal,
    closeOutput: () => output.abort(),
    isTerminal: false,
    hasColour: false,
  };
}
