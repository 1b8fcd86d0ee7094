import type { Mutation } from './mutation.ts';

const projected = 'test/hostile/projected-files.test.ts';

/** Of what keeps the files of the node and of other domains out of a pod. No entry of the checklists is about it. */
export const projectionMutations: readonly Mutation[] = [
  {
    name: 'projection-follows-links',
    rows: [],
    file: 'stub/projection-open.c',
    search: 'O_PATH | O_CLOEXEC, LINKS_REFUSED);',
    replace: 'O_PATH | O_CLOEXEC, LINKS_IN_ROOT);',
    tests: [projected],
    grep: 'fork mode with openat2, are not shown where a run file is a symlink',
  },
  {
    name: 'projection-of-a-linked-directory',
    rows: [],
    file: 'stub/open-in-root.c',
    search: '(links == LINKS_REFUSED ? RESOLVE_NO_SYMLINKS : 0U)',
    replace: '(links != LINKS_REFUSED ? RESOLVE_NO_SYMLINKS : 0U)',
    tests: [projected],
    grep: "exec mode with openat2, are not shown where the domain's directory is a symlink",
  },
  {
    name: 'projection-walks-through-a-link',
    rows: [],
    file: 'stub/open-in-root.c',
    search: 'links == LINKS_REFUSED ? 0 : MAX_LINKS;',
    replace: 'links == LINKS_REFUSED ? 1 : MAX_LINKS;',
    tests: [projected],
    grep: 'fork mode without openat2, are not shown where the directory of a run file is a symlink',
  },
  {
    name: 'projection-of-anybody',
    rows: [],
    file: 'stub/projection-open.c',
    search: '|| info.st_uid != plan->uid)))',
    replace: '|| (info.st_uid != plan->uid && plan->uid == 0))))',
    tests: [projected],
    grep: "fork mode with openat2, are not shown where the domain's directory is of another user",
  },
  {
    name: 'projection-of-a-file-as-directory',
    rows: [],
    file: 'stub/projection-open.c',
    search: '(!S_ISDIR(info.st_mode) || info.st_uid',
    replace: '(info.st_uid',
    tests: [projected],
    grep: "fork mode with openat2, are not shown where the domain's directory is a file",
  },
];
