import { parseIdMap } from '../target/id-map.ts';
import type { PodUsers } from '../target/pod-users.ts';
import type { PinnedProcess } from './pinned-process.ts';

/**
 * Reads the maps of the user namespace of a process. They are written once, so they stay what they are.
 *
 * @returns `null` when the namespace has no ids yet, or a map that makes no sense
 */
export function readPodUsers(process: PinnedProcess): PodUsers | null {
  const users = parseIdMap(process.readText('uid_map'));
  const groups = parseIdMap(process.readText('gid_map'));
  if (users === null || groups === null) return null;
  return { users, groups, mayChooseGroups: process.readText('setgroups') === 'allow\n' };
}
