import fs from 'node:fs';
import path from 'node:path';

/**
 * The directory of the package's `package.json`: above `daemon/` when the sources run, above `dist/daemon/` when
 * the build does.
 *
 * @throws Error when there is none above `start`
 */
export function findPackageRoot(start: string = import.meta.dirname): string {
  for (let directory = start; ; directory = path.dirname(directory)) {
    if (fs.existsSync(path.join(directory, 'package.json'))) return directory;
    if (directory === path.dirname(directory))
      throw new Error(`Cannot find package.json above "${start}": install the whole package`);
  }
}

/** Where the programs in C are: as configured, or where they are built. */
export function findLibraryDirectory({
  libraryDirectory,
}: {
  readonly libraryDirectory: string | null;
}): string {
  return libraryDirectory ?? path.join(findPackageRoot(), 'stub/build');
}
