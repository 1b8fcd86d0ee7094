import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listCgroupRoots } from './cgroups.ts';
import type { Scratch } from './scratch.ts';

/** Makes one that processes can join, below a cgroup of whatever hierarchy. */
export function makeCgroup(directory: string): void {
  mkdirSync(directory);
  // A new cpuset of version 1 has no CPU, and takes no process.
  if (existsSync(join(directory, 'cgroup.clone_children')))
    for (const file of ['cpuset.cpus', 'cpuset.mems'].filter((each) => existsSync(join(directory, each))))
      writeFileSync(join(directory, file), readFileSync(join(dirname(directory), file)));
}

/** A cgroup in every hierarchy, for processes of a test; removed with the scratch. */
export class TestCgroup {
  /** The same in every hierarchy. */
  readonly path: string;
  readonly directories: readonly string[];

  private constructor(path: string, directories: readonly string[]) {
    this.path = path;
    this.directories = directories;
  }

  static make(scratch: Scratch, name: string): TestCgroup {
    const path = `/${scratch.id}-${name}`;
    scratch.record({ kind: 'cgroup', path });
    const directories = listCgroupRoots().map((root) => join(root, path));
    directories.forEach(makeCgroup);
    return new TestCgroup(path, directories);
  }

  /** A command that joins the cgroup, as root, and then is the given one. */
  around(command: readonly string[]): readonly string[] {
    const script =
      'n=$1; shift; while [ $n -gt 0 ]; do echo 0 > "$1/cgroup.procs"; shift; n=$((n - 1)); done; exec "$@"';
    return ['sh', '-c', script, 'sh', String(this.directories.length), ...this.directories, ...command];
  }
}
