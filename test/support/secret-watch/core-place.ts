import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';

/** Where the kernel puts the core files of processes of ours. */
export class CorePlace {
  readonly #pattern: string;

  /** @param pattern as in /proc/sys/kernel/core_pattern */
  constructor(pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()) {
    this.#pattern = pattern;
  }

  /** The program that the kernel gives them to, who alone knows where they are then; null where it writes them itself. */
  get handler(): string | null {
    return this.#pattern.startsWith('|') ? this.#pattern.slice(1) : null;
  }

  /** Paths of those outside of scratch directories that were written since then. */
  list(sinceMs: number): readonly string[] {
    if (this.handler !== null) return [];
    const directories = isAbsolute(this.#pattern) ? [dirname(this.#pattern)] : ['/', process.cwd()];
    const prefix = basename(this.#pattern).split('%')[0] ?? '';
    return directories.flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => name.startsWith(prefix))
        .map((name) => join(directory, name))
        .filter((path) => (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= sinceMs),
    );
  }
}
