import type { NamespaceKind } from '../target/target.ts';

/**
 * The namespaces of a pod that QEMU joins. A user namespace that the pod has of its own is always among them, configured or
 * not: a root of that namespace is nobody on the node, and with an id of the node QEMU would be more than the pod is.
 * Where it has none, that of the node is the pod's, and QEMU is there already.
 */
export function joinedNamespaces(
  configured: readonly NamespaceKind[],
  hasOwnUsers: boolean,
): readonly NamespaceKind[] {
  const others = configured.filter((kind) => kind !== 'user');
  return hasOwnUsers ? [...others, 'user'] : others;
}
