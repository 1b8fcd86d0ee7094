import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { SecretMatcher } from './secret-matcher.ts';

const CHUNK = 1024 * 1024;
/** Of one file; nothing that the driver writes is as large. */
const MOST = 64 * 1024 * 1024;

/** Whether a regular file has a secret in it; undefined where the file is gone. */
export function fileMatches(path: string, matcher: SecretMatcher): boolean | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    // What lies across the end of a chunk is seen with the next one.
    const kept = matcher.longest;
    const buffer = Buffer.alloc(kept + CHUNK);
    let length = 0;
    for (let offset = 0; offset < MOST;) {
      const read = readSync(fd, buffer, length, CHUNK, offset);
      if (read === 0) break;
      offset += read;
      if (matcher.matches(buffer.subarray(0, length + read))) return true;
      const tail = Math.min(kept, length + read);
      buffer.copyWithin(0, length + read - tail, length + read);
      length = tail;
    }
    return false;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
