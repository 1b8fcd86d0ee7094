import type { Mutation } from './mutation.ts';

const paths = 'test/hostile/entry-paths.test.ts';
const broker = 'test/integration/host/broker.test.ts';

/** Of how a file is read in a pod. */
export const pathMutations: readonly Mutation[] = [
  {
    name: 'walk-follows-links-of-proc',
    rows: ['AT-4'],
    file: 'stub/open-in-root.c',
    search: '|| check_procfs(link) == 0)',
    replace: '|| check_procfs(link) > 0)',
    tests: [paths],
    grep: 'by the walk, without openat2 .* reads "/proc/thread-self/root/secret"',
  },
  {
    name: 'walk-rises-above-the-root',
    rows: ['AT-4', 'NS-24'],
    file: 'stub/open-in-root.c',
    search: `  if (strcmp(name, "..") == 0)
    rise_to(walk, walk->depth > 0 ? walk->depth - 1 : 0);
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)`,
    replace: '  if (strcmp(name, ".") == 0)',
    tests: [paths],
    grep: 'by the walk, without openat2 .* reads "/climbing/secret"',
  },
  {
    name: 'files-are-read-as-root',
    rows: ['AT-4', 'AT-5'],
    file: 'stub/file-reader.c',
    search: '  if (take_ids(request) < 0)',
    replace: '  if (getuid() != 0 && take_ids(request) < 0)',
    tests: [broker],
    grep: 'Broker reads not what is for root alone',
  },
  {
    name: 'files-are-read-as-nobody-named',
    rows: ['AT-4', 'AT-5'],
    file: 'stub/file-reader.c',
    search: 'request->uid == (uid_t)-1 || request->gid == (gid_t)-1',
    replace: 'request->uid == (uid_t)-1 && request->gid == (gid_t)-1',
    tests: [broker],
    grep: 'never as root by -1',
  },
  {
    name: 'files-are-as-large-as-they-say',
    rows: ['AT-5'],
    file: 'stub/file-reader.c',
    search: `    length += (size_t)got;
    if (length > request->max_size)`,
    replace: `    length += (size_t)got;
    if (length > sizeof content)`,
    tests: [paths],
    grep: 'by openat2 reads "/proc/vmstat"',
  },
  {
    name: 'reads-have-no-deadline',
    rows: ['AT-5'],
    file: 'stub/readings.c',
    search: 'now >= readings[i].deadline)',
    replace: 'now >= readings[i].deadline + 60000)',
    tests: [broker],
    grep: 'gives up on a file system that hangs',
  },
];
