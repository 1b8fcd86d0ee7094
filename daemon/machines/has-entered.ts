import { hasCode } from '../errors.ts';
import type { PinnedProcess } from '../host/pinned-process.ts';
import { parseStatus } from '../target/parse-status.ts';
import type { NamespaceKind, Namespaces } from '../target/target.ts';

/**
 * Whether a stub of exec mode is in the namespaces of its pod, has given up its privileges, and has not ended. Nobody but
 * root can have brought it there. Asked of procfs alone: to look at the executable itself would be to wait for a file system
 * of the pod.
 *
 * @param kinds those that the plan joins; `mnt` is not compared, since QEMU may have a private copy of the pod's. Where it
 *   is the only one, that no privilege can be gained any more says that the stub has entered: it can't have been so before,
 *   unless libvirt runs like that as root.
 */
export function hasEntered(
  process: PinnedProcess,
  pod: Namespaces,
  kinds: readonly NamespaceKind[],
): boolean {
  try {
    process.readLink('exe'); // a process that is ending has none any more
    const own = process.namespaces();
    const isConfined = parseStatus(process.readText('status'))?.noNewPrivs === true;
    return isConfined && kinds.every((kind) => kind === 'mnt' || own[kind] === pod[kind]);
  } catch (error) {
    if (hasCode(error, 'ESRCH', 'ENOENT')) return false;
    throw error;
  }
}
