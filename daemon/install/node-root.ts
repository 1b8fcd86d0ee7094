import fs from 'node:fs';

import { hasCode } from '../errors.ts';

/**
 * What to put before a path of the node: `''` on the node itself, or where the node can't be looked at, which is warned of
 * by what is missed there.
 *
 * @param proc the node's `/proc`
 */
export function nodeRoot(proc: string): string {
  try {
    const own = fs.readlinkSync('/proc/self/ns/mnt');
    return own === fs.readlinkSync(`${proc}/1/ns/mnt`) ? '' : `${proc}/1/root`;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'ENOENT')) return '';
    throw error;
  }
}
