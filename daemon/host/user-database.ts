import fs from 'node:fs';

/** A user of the node's `/etc/passwd`. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The users of a `passwd` file. The node's file is read as a file: its name service is not ours to ask.
 *
 * @param text contents of `/etc/passwd`
 */
export function parseUsers(text: string): readonly User[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/** The ID of a group in a `group` file, or `null`. */
export function findGroup(text: string, name: string): number | null {
  for (const line of text.split('\n')) {
    const [group, , gid] = line.split(':');
    if (group === name && /^\d+$/.test(gid ?? '')) return Number(gid);
  }
  return null;
}

/** Which uids a list of user names and uids stands for, and the group of the first that is known by name. */
export interface ResolvedUsers {
  readonly uids: ReadonlySet<number>;
  readonly gid: number | null;
  readonly unknown: readonly string[];
}

/** Names that the node does not know are left out: the default list names the qemu user of several distributions. */
export function resolveUsers(users: readonly User[], wanted: readonly string[]): ResolvedUsers {
  const uids = new Set<number>();
  const unknown: string[] = [];
  let gid: number | null = null;
  for (const name of wanted) {
    const user = users.find((each) => each.name === name || String(each.uid) === name);
    if (user !== undefined) {
      uids.add(user.uid);
      gid ??= user.gid;
    } else if (/^\d+$/.test(name)) {
      uids.add(Number(name));
    } else {
      unknown.push(name);
    }
  }
  return { uids, gid, unknown };
}

/** Reads a file of the node, or `''` where it has none. */
export function readHostFile(root: string, path: string): string {
  try {
    return fs.readFileSync(root + path, 'utf8');
  } catch {
    return '';
  }
}

/** The id of a group that is named, or given as a number; `null`: the node has none of that name. */
export function resolveGroup(root: string, group: string): number | null {
  return /^\d+$/.test(group) ? Number(group) : findGroup(readHostFile(root, '/etc/group'), group);
}
