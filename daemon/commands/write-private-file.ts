import { randomBytes } from 'node:crypto';
import fs from 'node:fs';

import { hasCode } from '../errors.ts';
import { quoteText } from '../quote-text.ts';

export interface PrivateFileOptions {
  /** Replace what is there. */
  readonly force: boolean;
  /** 0600 by default. */
  readonly mode?: number;
}

/**
 * Writes a file that only its owner can read from the moment that it exists; as a whole, or not at all.
 * @throws Error with cause and remedy
 */
export function writePrivateFile(
  file: string,
  content: Uint8Array | string,
  options: PrivateFileOptions,
): void {
  const { force, mode = 0o600 } = options;
  const target = force ? `${file}.${randomBytes(6).toString('hex')}` : file;
  let fd: number;
  try {
    fd = fs.openSync(target, 'wx', mode);
  } catch (error) {
    if (hasCode(error, 'EEXIST'))
      throw new Error(
        `Cannot write ${quoteText(file)}: it exists; name another file, or say --force to replace it`,
        {
          cause: error,
        },
      );
    throw new Error(`Cannot write ${quoteText(file)}: ${messageOf(error)}; name another file`, {
      cause: error,
    });
  }
  try {
    try {
      // Whatever the umask is.
      fs.fchmodSync(fd, mode);
      fs.writeFileSync(fd, content);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    if (force) fs.renameSync(target, file);
  } catch (error) {
    fs.rmSync(target, { force: true });
    throw new Error(
      `Cannot write ${quoteText(file)}: ${messageOf(error)}; free space, or name another file`,
      {
        cause: error,
      },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it failed';
}
