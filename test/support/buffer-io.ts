import { Readable } from 'node:stream';

import type { CommandIo } from '../../daemon/commands/command-io.ts';

/** Streams of a command that collect what it writes. */
export interface BufferIo extends CommandIo {
  readonly written: { out: string; err: string };
}

export function bufferIo(input = ''): BufferIo {
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
    isTerminal: false,
  };
}
