import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { quoteText } from '../quote-text.ts';
import { readPrivateKeyFile } from './private-key-file.ts';
import { preparePrivateKey, type PrivateKey } from './private-key.ts';

/** A token of the form `rsa` is tried with all of them. */
const MAX_KEYS = 8;

interface Loaded {
  readonly keys: readonly PrivateKey[];
  readonly problems: readonly string[];
}

/**
 * The private keys of the node. The files are looked at before each use, so that a key counts from the moment that its
 * file is there until it is removed.
 */
export class KeyRing {
  readonly #paths: readonly string[];
  readonly #onProblem: (message: string) => void;
  #keys: readonly PrivateKey[];
  #seen: string;
  #loading: Promise<void> | null = null;

  private constructor(
    paths: readonly string[],
    onProblem: (message: string) => void,
    keys: readonly PrivateKey[],
    seen: string,
  ) {
    this.#paths = paths;
    this.#onProblem = onProblem;
    this.#keys = keys;
    this.#seen = seen;
  }

  /**
   * @param paths of keys, and of directories whose files `*.pem` are keys.
   * @param onProblem told what becomes wrong later: the file it names is not used then.
   * @throws Error when a file can't be used, or when there is none
   */
  static async open(paths: readonly string[], onProblem: (message: string) => void): Promise<KeyRing> {
    const seen = fingerprint(paths);
    const { keys, problems } = await load(paths);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    return new KeyRing(paths, onProblem, keys, seen);
  }

  /** The keys as their files are now; may be none. */
  async current(): Promise<readonly PrivateKey[]> {
    while (this.#loading !== null) await this.#loading;
    const seen = fingerprint(this.#paths);
    if (seen !== this.#seen) {
      this.#loading = this.#reload(seen);
      await this.#loading;
    }
    return this.#keys;
  }

  async #reload(seen: string): Promise<void> {
    try {
      const { keys, problems } = await load(this.#paths);
      // The look came first: what changed meanwhile is seen next time.
      this.#keys = keys;
      this.#seen = seen;
      for (const problem of problems) this.#onProblem(problem);
    } finally {
      this.#loading = null;
    }
  }
}

async function load(paths: readonly string[]): Promise<Loaded> {
  const problems: string[] = [];
  const keys = new Map<string, PrivateKey>();
  for (const file of paths.flatMap(listFiles)) {
    try {
      const key = await preparePrivateKey(readPrivateKeyFile(file));
      if (keys.size < MAX_KEYS || keys.has(key.kid)) keys.set(key.kid, key);
      else
        problems.push(
          `Cannot use the private key ${quoteText(file)}: there are ${MAX_KEYS} others; remove old ones`,
        );
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (keys.size === 0 && problems.length === 0)
    problems.push(
      `Cannot find a private key in ${paths.map(quoteText).join(', ')}: there is no file *.pem; make one with ` +
        '"node-driver secret keygen", or correct "secret-keys"',
    );
  return { keys: [...keys.values()], problems };
}

/** A path itself, or what a directory holds. What can't be listed is left to whoever reads it as a file. */
function listFiles(keyPath: string): readonly string[] {
  try {
    return fs
      .readdirSync(keyPath)
      .filter((name) => name.endsWith('.pem') && !name.startsWith('.'))
      .sort()
      .map((name) => path.join(keyPath, name));
  } catch (error) {
    if (hasCode(error, 'ENOTDIR', 'ENOENT', 'EACCES', 'ELOOP')) return [keyPath];
    throw error;
  }
}

/** Changes with each file: also where one is replaced in the same millisecond. */
function fingerprint(paths: readonly string[]): string {
  return paths
    .flatMap(listFiles)
    .map((file) => {
      const info = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
      if (info === undefined) return `${file}: none`;
      const { dev, ino, size, mtimeNs, ctimeNs } = info;
      return [file, dev, ino, size, mtimeNs, ctimeNs].join(' ');
    })
    .join('\n');
}
