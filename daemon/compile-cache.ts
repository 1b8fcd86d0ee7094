import { statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

import { findPackageRoot } from './package-root.ts';

/**
 * Has Node keep what it compiles in `compile-cache` of the package, and take it from there: for each of its versions and
 * each set of its options apart. The image comes with it. What is read from it is run, so it must be as root's alone as the
 * code is: where it is not, or is not there, all is compiled anew.
 */
export function useCompileCache(root = findPackageRoot()): void {
  const directory = join(root, 'compile-cache');
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found?.isDirectory() === true && found.uid === 0 && (found.mode & 0o022) === 0)
    enableCompileCache(directory);
}
