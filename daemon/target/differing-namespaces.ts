import { namespaceKinds } from './target.ts';
import type { NamespaceKind, Namespaces } from './target.ts';

/**
 * The kinds of namespace in which two processes differ. A target that differs from its container's init sits in
 * namespaces that the workload made itself.
 *
 * A kind that only one side has counts as different; one that neither has does not.
 */
export function differingNamespaces(target: Namespaces, init: Namespaces): readonly NamespaceKind[] {
  return namespaceKinds.filter((kind) => target[kind] !== init[kind]);
}
