import fs from 'node:fs';

import { hasCode } from '../errors.ts';

/** @returns whether the directory is gone; it is not while a process or a cgroup is in it */
export function removeEmptyCgroup(directory: string): boolean {
  try {
    fs.rmdirSync(directory);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    if (hasCode(error, 'EBUSY', 'ENOTEMPTY')) return false;
    throw error;
  }
}
