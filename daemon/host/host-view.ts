import fs from 'node:fs';

import { hasCode } from '../errors.ts';
import { parseCgroupMounts, type CgroupHierarchy } from './host-cgroups.ts';

/** How this process sees the node it serves. */
export interface HostView {
  /** Put before a path of the node: `''` when this process shares the node's mount namespace. */
  readonly root: string;
  /** The node's mount namespace, for the shim to enter; `null` when it is this process's own. */
  readonly mountNamespace: string | null;
  /** Inode of the user namespace that this process is in; `null`: the kernel has none. */
  readonly userNamespace: number | null;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** What to tell the operator: assumptions that could not be checked. */
  readonly warnings: readonly string[];
}

function namespaceOf(path: string): string | null {
  try {
    return fs.readlinkSync(path);
  } catch (error) {
    // Some hardened nodes show their init's namespaces to nobody.
    if (hasCode(error, 'EACCES', 'EPERM')) return null;
    throw error;
  }
}

/** Asked of the mount itself: also where the namespaces of process 1 are shown to nobody. */
function numbersProcessesAsHere(proc: string): boolean {
  try {
    return fs.readlinkSync(`${proc}/self`) === String(process.pid);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false; // this process is not in its PID namespace at all
    throw error;
  }
}

/**
 * Looks at the node through the procfs mounted at `proc`.
 *
 * @throws Error when this process is not in the node's PID or cgroup namespace: it would see foreign pids, and
 *   cgroup paths that start at its own pod
 */
export function viewHost(proc: string): HostView {
  const warnings: string[] = [];
  const same = (kind: string, remedy: string): boolean => {
    const own = fs.readlinkSync(`/proc/self/ns/${kind}`);
    const host = namespaceOf(`${proc}/1/ns/${kind}`);
    if (host === null)
      warnings.push(`Cannot read ${proc}/1/ns/${kind}: taking the own ${kind} namespace for the node's`);
    if (host !== null && host !== own && remedy !== '')
      throw new Error(
        `Cannot serve this node: the ${kind} namespace of process 1 of "${proc}" is not ours; ${remedy}`,
      );
    return host === null || host === own;
  };

  const hostPid = 'run the daemon with hostPID: true and set "proc" to where the node\'s /proc is mounted';
  same('pid', hostPid);
  if (!numbersProcessesAsHere(proc))
    throw new Error(`Cannot serve this node: "${proc}" numbers processes otherwise than here; ${hostPid}`);
  same('cgroup', 'run the daemon in the host cgroup namespace (privileged, or on the host)');
  const shared = same('mnt', '');
  return {
    root: shared ? '' : `${proc}/1/root`,
    mountNamespace: shared ? null : `${proc}/1/ns/mnt`,
    userNamespace: fs.statSync('/proc/self/ns/user', { throwIfNoEntry: false })?.ino ?? null,
    hierarchies: parseCgroupMounts(
      fs.readFileSync(shared ? '/proc/self/mountinfo' : `${proc}/1/mountinfo`, 'latin1'),
    ),
    warnings,
  };
}
