import { closeSync, constants, fstatSync, openSync, readSync, readdirSync, statfsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { SecretMatcher } from './secret-matcher.ts';

const CHUNK = 1024 * 1024;
/** Of one file; nothing that the driver writes is as large. */
const MOST = 64 * 1024 * 1024;

/** What may hold a secret, by its path below the scratch directory, and why. */
const exclusions: readonly { readonly path: RegExp; readonly why: string }[] = [
  { path: /^libvirt$/, why: "libvirt's own files, and the XML that the tests give it: see docs/secrets.md" },
  { path: /^kubernetes$/, why: "a cluster's own files: its database, and the volumes of its pods" },
  { path: /^pod-[^/]+\/secret$/, why: 'the Secret volume of a pod' },
  { path: /^root-[^/]+\/etc\/kubevirt\/node-driver\/secret$/, why: 'the secret of a pod, in its own root' },
  {
    path: /^volume\/(saved|[^/]+\.memory)$/,
    why: "libvirt's memory images, which hold the XML of the domain",
  },
  { path: /^host-secret$/, why: 'a file of the node that a test puts in the way of a pod' },
  { path: /^secret-[^/]+$/, why: 'what a test gives to `node-driver secret seal --secret-file`' },
];

/** File systems of the kernel's, whose files nobody writes: a test may have mounted the whole of /proc. By `f_type`. */
const unsearched: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x6265_6572, // sysfs
  0x27_e0eb, // cgroup
  0x6367_7270, // cgroup2
]);

const kinds: readonly (readonly [RegExp, string])[] = [
  [/(^|\/)core(\.[^/]*)?$/, 'core file'],
  [/(^|\/)token-ledger[^/]*$/, 'ledger'],
  [/audit[^/]*$/, 'audit log'],
  [/(^|\/)state\//, 'state'],
  [/\.log[^/]*$|(^|\/)log$/, 'log'],
];

export interface FoundFile {
  readonly path: string;
  readonly kind: string;
}

export interface FileSearch {
  readonly files: number;
  readonly found: readonly FoundFile[];
}

/** Searches all regular files below a directory but those of the list of exclusions, and of the kernel's file systems. */
export function searchFiles(root: string, matcher: SecretMatcher): FileSearch {
  const found: FoundFile[] = [];
  let files = 0;
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop())
    for (const entry of listEntries(directory)) {
      const path = join(directory, entry.name);
      const name = relative(root, path);
      if (exclusions.some((exclusion) => exclusion.path.test(name))) continue;
      if (entry.isDirectory()) pending.push(path);
      if (!entry.isFile()) continue;
      const isFound = fileMatches(path, matcher);
      if (isFound !== undefined) files++;
      if (isFound === true) found.push({ path, kind: kindOf(name) });
    }
  return { files, found };
}

export function kindOf(name: string): string {
  return kinds.find(([pattern]) => pattern.test(name))?.[1] ?? 'file';
}

/** Undefined where the file is gone. */
export function fileMatches(path: string, matcher: SecretMatcher): boolean | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    // What lies across the end of a chunk is seen with the next one.
    const kept = matcher.longest;
    const buffer = Buffer.alloc(kept + CHUNK);
    let length = 0;
    for (let offset = 0; offset < MOST;) {
      const read = readSync(fd, buffer, length, CHUNK, offset);
      if (read === 0) break;
      offset += read;
      if (matcher.matches(buffer.subarray(0, length + read))) return true;
      const tail = Math.min(kept, length + read);
      buffer.copyWithin(0, length + read - tail, length + read);
      length = tail;
    }
    return false;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function listEntries(directory: string): ReturnType<typeof readEntries> {
  try {
    return unsearched.has(statfsSync(directory).type) ? [] : readEntries(directory);
  } catch {
    return [];
  }
}

const readEntries = (directory: string) => readdirSync(directory, { withFileTypes: true });
