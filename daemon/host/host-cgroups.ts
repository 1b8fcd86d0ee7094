import type { CgroupMembership } from '../target/target.ts';

/** A mounted cgroup hierarchy of the node. */
export interface CgroupHierarchy {
  /** As in {@link CgroupMembership}: `''` for v2, else the controllers, e.g. `cpu,cpuacct` or `name=systemd`. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The cgroup that is mounted there; `/` on an ordinary node. */
  readonly root: string;
}

export function isUnified({ controllers }: Pick<CgroupHierarchy, 'controllers'>): boolean {
  return controllers.includes('');
}

function unescapeMountPath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * The cgroup hierarchies of a `/proc/PID/mountinfo` of the node (never of a pod, which controls its own).
 * The first mount of a hierarchy counts, and one of the whole hierarchy before one of a part of it.
 */
export function parseCgroupMounts(mountinfo: string): readonly CgroupHierarchy[] {
  const hierarchies: CgroupHierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [mount, filesystem] = line.split(' - ');
    const [, , , root, mountPoint] = mount?.split(' ') ?? [];
    const [type, , options] = filesystem?.split(' ') ?? [];
    if (root === undefined || mountPoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const controllers = type === 'cgroup2' ? [''] : (options ?? '').split(',').filter(isController);
    const hierarchy = {
      controllers,
      mountPoint: unescapeMountPath(mountPoint),
      root: unescapeMountPath(root),
    };
    const known = hierarchies.findIndex((each) => each.controllers.join() === controllers.join());
    if (known < 0) hierarchies.push(hierarchy);
    else if (root === '/' && hierarchies[known]?.root !== '/') hierarchies[known] = hierarchy;
  }
  return hierarchies;
}

const mountOptions = new Set([
  'rw',
  'ro',
  'seclabel',
  'favordynmods',
  'xattr',
  'noprefix',
  'clone_children',
  'cpuset_v2_mode',
  'release_agent',
]);

/** Of what is written `name=value`, only the name of a hierarchy without controllers counts. */
function isController(option: string): boolean {
  return option.startsWith('name=') || (!mountOptions.has(option) && !option.includes('='));
}

/** The directory of one cgroup membership, or `null` where its hierarchy is not mounted. */
export function cgroupDirectory(
  hierarchies: readonly CgroupHierarchy[],
  membership: CgroupMembership,
): string | null {
  const place = findPlace(hierarchies, membership);
  return place === null ? null : place.mountPoint + place.below;
}

/** The directory of one cgroup membership and those of all cgroups above that are mounted; none where it is not. */
export function cgroupLineage(
  hierarchies: readonly CgroupHierarchy[],
  membership: CgroupMembership,
): readonly string[] {
  const place = findPlace(hierarchies, membership);
  if (place === null) return [];
  const { mountPoint, below } = place;
  const lineage: string[] = [];
  for (let rest = below; rest !== ''; rest = rest.slice(0, rest.lastIndexOf('/')))
    lineage.push(mountPoint + rest);
  return [...lineage, mountPoint];
}

function findPlace(
  hierarchies: readonly CgroupHierarchy[],
  membership: CgroupMembership,
): { readonly mountPoint: string; readonly below: string } | null {
  // What the kernel shows of a cgroup outside of our cgroup namespace.
  if (membership.path.split('/').includes('..')) return null;
  const wanted = membership.hierarchy.split(',').sort().join();
  for (const { controllers, mountPoint, root } of hierarchies) {
    if ([...controllers].sort().join() !== wanted) continue;
    if (root === '/') return { mountPoint, below: membership.path === '/' ? '' : membership.path };
    if (membership.path === root || membership.path.startsWith(`${root}/`))
      return { mountPoint, below: membership.path.slice(root.length) };
  }
  return null;
}
