import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';

import { quoteText } from '../quote-text.ts';
import type { CommandIo } from './command-io.ts';
import { readLimited } from './read-limited.ts';

/** More than any domain of libvirt is long. */
const MAX_SIZE = 4 * 1024 * 1024;

/**
 * Reads the XML of a domain.
 *
 * @param file `-`: standard input
 * @throws Error with cause and remedy
 */
export async function readDomainText(file: string, io: CommandIo): Promise<string> {
  if (file === '-' && io.isTerminal)
    io.stderr('Reading the XML of a domain from the terminal; end it with Ctrl-D.\n');
  const place = file === '-' ? 'standard input' : quoteText(file);
  let bytes: Buffer | null;
  try {
    bytes = await readLimited(
      file === '-' ? io.stdin : fs.createReadStream(file, { end: MAX_SIZE }),
      MAX_SIZE,
    );
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
    throw new Error(`Cannot read the domain from ${place}: ${code}; name a file that holds its XML`, {
      cause: error,
    });
  }
  if (bytes === null)
    throw new Error(
      `Cannot use the domain of ${place}: it is longer than ${MAX_SIZE} bytes; name another file`,
    );
  if (!isUtf8(bytes))
    throw new Error(`Cannot use the domain of ${place}: it is not UTF-8; write it in UTF-8`);
  return bytes.toString('utf8');
}
