import fs from 'node:fs';

import type { CgroupMembership } from '../target/target.ts';
import { cgroupLineage } from './host-cgroups.ts';
import type { HostView } from './host-view.ts';

/**
 * Whether cgroups and all above them are root's: nobody else can have made them. A hierarchy that is not mounted on the
 * node says nothing, but one at least must.
 *
 * @throws Error of `lstat`, `ENOENT` for a cgroup that is gone
 */
export function belongToRoot(
  { root, hierarchies }: Pick<HostView, 'root' | 'hierarchies'>,
  cgroups: readonly CgroupMembership[],
): boolean {
  if (cgroups.length === 0) return true;
  const directories = cgroups.flatMap((cgroup) => cgroupLineage(hierarchies, cgroup));
  return directories.length > 0 && directories.every((each) => fs.lstatSync(root + each).uid === 0);
}
