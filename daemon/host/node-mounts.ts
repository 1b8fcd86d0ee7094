import fs from 'node:fs';

/**
 * The mounts of the node, as text of a `mountinfo`: of their options, never of the pods behind them.
 *
 * @param root put before a path of the node
 */
export function readNodeMounts(root: string, proc: string): string {
  return fs.readFileSync(root === '' ? '/proc/self/mountinfo' : `${proc}/1/mountinfo`, 'utf8');
}
