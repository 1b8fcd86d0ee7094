import { newFinding, type Finding } from './finding.ts';

export interface UsersEvidence {
  /** Key of the configuration, such as `launch-users` or `profile.new.launch-users`. */
  readonly key: string;
  readonly wanted: readonly string[];
  readonly uids: ReadonlySet<number>;
  /** Group that may connect to `launch.sock`; null: root's alone. */
  readonly gid: number | null;
}

/** Who may launch. */
export function judgeUsers(each: readonly UsersEvidence[]): readonly Finding[] {
  return each.map(({ key, wanted, uids, gid }) => {
    if (uids.size === 0)
      return newFinding('failure', `nobody may launch: the node has none of the users ${wanted.join(', ')}`, {
        subject: key,
        remedy: `set "${key}" in qemu-kube.conf to the user that libvirt runs QEMU as`,
      });
    const group = gid === null ? 'only a setuid stub can connect' : `and gid ${gid} may connect`;
    return newFinding('ok', `uid ${[...uids].join(', ')} may launch, ${group}`, { subject: key });
  });
}
