import type { CgroupHierarchy } from '../host/host-cgroups.ts';
import { newFinding, type Finding } from './finding.ts';

/** `hybrid`: v1 hierarchies and a v2 one, of which the latter has no controllers as a rule. */
export function judgeCgroups(
  hierarchies: readonly Pick<CgroupHierarchy, 'controllers' | 'mountPoint'>[],
): readonly Finding[] {
  const v2 = hierarchies.find(({ controllers }) => controllers.join() === '');
  const v1 = hierarchies.filter((each) => each !== v2);
  if (hierarchies.length === 0)
    return [
      newFinding('failure', 'no cgroup hierarchy is mounted: which pod a process is in can not be told', {
        command: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
      }),
    ];
  if (v1.length === 0) return [newFinding('ok', `layout v2, at ${v2?.mountPoint ?? ''}`)];
  const names = v1.map(({ controllers }) => controllers.join(',')).join(' ');
  return [
    newFinding(
      'ok',
      v2 === undefined ? `layout v1: ${names}` : `layout hybrid: v2 at ${v2.mountPoint}, v1 ${names}`,
    ),
  ];
}
