import type { Mutation } from './mutation.ts';

const changed = 'test/hostile/changed-launcher.test.ts';

/** Of a target that is not any more what was decided on, and of a VM whose daemon is not there any more. */
export const launcherMutations: readonly Mutation[] = [
  {
    name: 'launcher-may-have-ended',
    rows: ['NS-1'],
    file: 'stub/entry-open.c',
    search: '|| process_ended(entry->target))',
    replace: '|| entry->target < 0)',
    tests: [changed],
    grep: 'fork mode, is missed where it ends',
  },
  {
    name: 'launcher-may-have-other-namespaces',
    rows: ['NS-2', 'NS-16', 'AT-9'],
    file: 'stub/entry-open.c',
    search: '  if (info.st_ino != wanted->inode) {',
    replace: '  if (info.st_ino == 0 && wanted->inode != 0) {',
    tests: [changed],
    grep: 'fork mode, is not followed into a namespace',
  },
  {
    name: 'launcher-may-have-other-cgroups',
    rows: ['NS-4', 'AT-9'],
    file: 'stub/shim-child.c',
    search: 'length != plan->cgroup_text_length || memcmp(text, plan->cgroup_text, length) != 0',
    replace: 'length == 0 && memcmp(text, plan->cgroup_text, length) == 0',
    tests: [changed],
    grep: 'fork mode, is not followed into a cgroup',
  },
  {
    name: 'next-daemon-takes-nobody-over',
    rows: ['SV-1'],
    file: 'daemon/machines/machine-supervisor.ts',
    search: `    } else if (!(await this.#connect(launchId))) {
      if (this.#processes.isThere(launchId)) void this.#lookForShim(launchId);
      else this.#shimGone(launchId);
    }`,
    replace: `    } else {
      this.#shimGone(launchId);
    }`,
    tests: ['test/integration/launch/crash-points.test.ts'],
    grep: 'fork mode .* start-told-stub, daemon killed: running',
  },
];
