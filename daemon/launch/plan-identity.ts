import { Refusal } from '../errors.ts';
import { nodeIdOf, podIdOf, type IdMap } from '../target/id-map.ts';
import type { PodUsers } from '../target/pod-users.ts';
import type { Credentials } from '../target/target.ts';
import type { PlannedId } from './launch-plan.ts';

const MAX_GROUPS = 256;

/** Who QEMU is to be. */
export interface PlannedIdentity {
  /** As the pod numbers them. */
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /**
   * What the node calls the caller's ids, where the pod has a user namespace of its own: those that libvirt's files may have
   * there. Not the groups that the pod has chosen, of which it could leave setgid files on the node.
   */
  readonly ids: readonly PlannedId[];
}

export interface IdentityInput {
  readonly caller: Credentials;
  readonly target: Credentials;
  readonly users: PodUsers | null;
  readonly hasPodMounts: boolean;
}

const remedy =
  'run QEMU with ids that the pod has (user and group in qemu.conf), or let the pod use the users of the node ("hostUsers: true")';

/**
 * The pod's fsGroup is among its supplementary groups; root's group is no way to share a volume. A pod may choose its
 * groups at will: outside of its mount namespace they would open files of the node (the disks, for a start).
 */
function planGroups({ caller, target, users, hasPodMounts }: IdentityInput): readonly number[] {
  // One that its user namespace does not have can't be given to anybody in it.
  const inPod = target.groups.map((group) => (users === null ? group : podIdOf(users.groups, group)) ?? 0);
  const shared = hasPodMounts ? inPod.filter((group) => group !== 0) : [];
  return [...new Set([...caller.groups, ...shared])].slice(0, MAX_GROUPS);
}

function translate(kind: PlannedId['kind'], id: number, map: IdMap): PlannedId {
  const nodeId = nodeIdOf(map, id);
  if (nodeId !== null) return { kind, id, nodeId };
  throw new Refusal(
    'target-unusable',
    `Cannot be ${kind} ${id} in the pod: its user namespace has no such ${kind}`,
    remedy,
  );
}

/**
 * The caller's numbers, since libvirt labelled the files for them; in a user namespace of the pod they are numbers of that.
 *
 * @throws Refusal `target-unusable` when that namespace lacks one of them, or root, who sets up the file systems
 */
export function planIdentity(input: IdentityInput): PlannedIdentity {
  const { caller, users } = input;
  const groups = planGroups(input);
  const { uid, gid } = caller;
  if (users === null) return { uid, gid, groups, ids: [] };
  if (!users.mayChooseGroups)
    throw new Refusal(
      'target-unusable',
      'Cannot be a user of the pod: its user namespace lets nobody choose groups',
      'have a container runtime that runs as root make it',
    );
  translate('user', 0, users.users);
  translate('group', 0, users.groups);
  const callerGroups = [...new Set([gid, ...caller.groups])];
  return {
    uid,
    gid,
    groups,
    ids: [
      translate('user', uid, users.users),
      ...callerGroups.map((group) => translate('group', group, users.groups)),
    ],
  };
}
