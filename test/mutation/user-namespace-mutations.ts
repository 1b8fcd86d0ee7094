import type { Mutation } from './mutation.ts';

const userNamespace = 'test/integration/launch/user-namespace.test.ts';

/** Of what keeps a pod with a user namespace, and the node from it. */
export const userNamespaceMutations: readonly Mutation[] = [
  {
    name: 'pod-users-left-out',
    rows: ['NS-15'],
    file: 'daemon/launch/joined-namespaces.ts',
    search: "  return hasOwnUsers ? [...others, 'user'] : others;",
    replace: '  return hasOwnUsers ? [...others] : others;',
    tests: [userNamespace],
    grep: 'in fork mode is in that namespace',
  },
  {
    name: 'pod-ids-unchecked',
    rows: ['NS-15'],
    file: 'daemon/launch/plan-identity.ts',
    search: '  if (nodeId !== null) return { kind, id, nodeId };',
    replace: '  if (nodeId !== id) return { kind, id, nodeId: nodeId ?? id };',
    tests: [userNamespace],
    grep: 'in fork mode is refused with a user',
  },
  {
    name: 'projection-keeps-ids',
    rows: ['NS-15'],
    file: 'stub/projection-open.c',
    search: '&& translate_ids(tree, id_map) < 0',
    replace: '&& id_map >= 65536 && translate_ids(tree, id_map) < 0',
    tests: [userNamespace],
    grep: "in fork mode sees libvirt's files as its own",
  },
  {
    name: 'projection-has-all-ids-of-the-pod',
    rows: ['NS-15'],
    file: 'stub/entry-open.c',
    search: 'id_map_open(entry->plan, must_have ? failure : &ignored);',
    replace: 'failure == &ignored ? -1 : openat(entry->target_proc, "ns/user", O_RDONLY | O_CLOEXEC);',
    tests: [userNamespace],
    grep: 'in fork mode has in a projection no id but its own',
  },
  {
    name: 'domain-directory-has-all-ids',
    rows: ['NS-15'],
    file: 'stub/projection-open.c',
    search: 'return plan->id_count > 0 || (project->flags & PROJECT_OWNED) != 0;',
    replace: 'return plan->id_count > 0 || (project->flags & PROJECT_OWNED) > PROJECT_OWNED;',
    tests: ['test/hostile/projected-directory.test.ts'],
    grep: "in fork mode takes nothing of root's",
  },
  {
    name: 'users-made-by-anybody',
    rows: ['NS-16'],
    file: 'stub/entry-open.c',
    search: 'return owner == 0 ? 0',
    replace: 'return owner != (uid_t)-1 ? 0',
    tests: ['test/hostile/entry-user-namespace.test.ts'],
    grep: 'in fork mode is not entered inside of',
  },
];
