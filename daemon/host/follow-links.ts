import fs, { type BigIntStats } from 'node:fs';
import path from 'node:path';

import { SystemCallError } from '../errors.ts';

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/** A symbolic link on the way to a file, or the file itself. */
export interface PathStep {
  /** Below the root; no link is in its directories. */
  readonly path: string;
  readonly info: BigIntStats;
}

/**
 * The way to a file below a root: each symbolic link that is met, also one for a directory, and last the file. An
 * absolute link leads to a place below the root, which the kernel would not do for a path that only begins with it.
 *
 * At once, for directories of the node itself: a turn of the event loop for each step takes longer than all of them.
 *
 * @param root put before a path of the node, `''` for this process's own
 * @throws Error of `lstat`, or `ELOOP`
 */
export function followLinks(root: string, file: string): readonly PathStep[] {
  const steps: PathStep[] = [];
  const ahead = file.split('/');
  let at = '';
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === '' || name === '.') continue;
    const next = name === '..' ? path.dirname(at || '/') : `${at}/${name}`;
    const info = fs.lstatSync(root + next, { bigint: true });
    if (!info.isSymbolicLink()) {
      at = next === '/' ? '' : next;
      if (ahead.every((each) => each === '')) steps.push({ path: next, info });
      continue;
    }
    steps.push({ path: next, info });
    if (steps.length > MAX_LINKS)
      throw new SystemCallError('lstat', 'ELOOP', 40, `follow the links of ${file}`);
    const target = fs.readlinkSync(root + next);
    if (target.startsWith('/')) at = '';
    ahead.unshift(...target.split('/'));
  }
  return steps;
}
