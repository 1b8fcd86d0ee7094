import fs from 'node:fs';

import { quoteText } from '../quote-text.ts';
import { Secret } from '../secret/secret.ts';
import type { CommandIo } from './command-io.ts';
import { readLimited } from './read-limited.ts';

/** As much as the daemon reads from a pod. */
const MAX_SIZE = 16 * 1024;

/**
 * Reads a secret from a file, or from standard input where none is named: never from the command line, which all
 * processes of the machine can read.
 *
 * @param what for messages, such as `secret`.
 * @throws Error with cause and remedy
 */
export async function readSecret(file: string | undefined, what: string, io: CommandIo): Promise<Secret> {
  if (file === undefined && io.isTerminal)
    io.stderr(`Reading the ${what} from the terminal; end it with Ctrl-D.\n`);
  const place = file === undefined ? 'standard input' : quoteText(file);
  const stream = file === undefined ? io.stdin : fs.createReadStream(file, { end: MAX_SIZE });
  let bytes: Buffer | null;
  try {
    bytes = await readLimited(stream, MAX_SIZE);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
    throw new Error(`Cannot read the ${what} from ${place}: ${code}; name a file that holds it`, {
      cause: error,
    });
  }
  if (bytes === null)
    throw new Error(`Cannot use the ${what} of ${place}: it is longer than ${MAX_SIZE} bytes; shorten it`);
  const secret = Secret.fromBytes(bytes);
  bytes.fill(0);
  if (secret.isEmpty) throw new Error(`Cannot use the ${what} of ${place}: it is empty; put one there`);
  return secret;
}
