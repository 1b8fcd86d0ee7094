import { readdirSync, statfsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isExcluded } from './excluded-files.ts';
import { kindOfFile, type FileKind } from './file-kinds.ts';
import { fileMatches } from './file-matches.ts';
import type { SecretMatcher } from './secret-matcher.ts';

/** File systems of the kernel's, whose files nobody writes: a test may have mounted the whole of /proc. By `f_type`. */
const unsearched: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x6265_6572, // sysfs
  0x27_e0eb, // cgroup
  0x6367_7270, // cgroup2
]);

export interface SearchedFile {
  readonly path: string;
  readonly kind: FileKind;
  readonly isFound: boolean;
}

/** Searches all regular files below a directory but the excluded ones, and those of the kernel's file systems. */
export function* searchFiles(root: string, matcher: SecretMatcher): Generator<SearchedFile, void> {
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop())
    for (const entry of listEntries(directory)) {
      const path = join(directory, entry.name);
      const name = relative(root, path);
      if (isExcluded(name)) continue;
      if (entry.isDirectory()) pending.push(path);
      if (!entry.isFile()) continue;
      const isFound = fileMatches(path, matcher);
      if (isFound !== undefined) yield { path, kind: kindOfFile(name), isFound };
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
