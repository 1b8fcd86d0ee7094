import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { FromSampler, ToSampler } from './sampler-messages.ts';
import { SecretMatcher } from './secret-matcher.ts';
import { fileMatches, searchFiles } from './search-files.ts';

/** Something that a driver answers, read when it is to be searched; null where it does not answer. */
export interface Answer {
  readonly kind: 'metrics' | 'API answer';
  readonly read: () => Promise<string | null>;
}

/** What is searched of one scratch. */
export interface Watched {
  readonly directory: string;
  readonly runDirectory: string;
}

export interface SecretFinding {
  readonly kind: string;
  /** A path, or a process; never the secret. */
  readonly where: string;
  /** The test that ran, or had run last. */
  readonly during: string;
}

export interface SecretCounts {
  readonly secrets: number;
  readonly files: number;
  readonly answers: number;
  readonly samples: Readonly<Record<string, number>>;
}

/**
 * Looks for the secrets of a run of the tests in all that the driver writes: files, answers, and the environments and
 * command lines of its processes. Secrets are noted where tests make them.
 */
export class SecretWatch {
  readonly #matcher = new SecretMatcher();
  readonly #open = new Map<Watched, Answer[]>();
  readonly #findings: SecretFinding[] = [];
  #begin: number | null = null;
  #sampler: ChildProcess | undefined;
  #samples: Readonly<Record<string, number>> = {};
  #secrets = 0;
  #files = 0;
  #answers = 0;
  /** Title of the test that runs. */
  during = '';

  get findings(): readonly SecretFinding[] {
    return this.#findings;
  }

  get counts(): SecretCounts {
    const [secrets, files, answers] = [this.#secrets, this.#files, this.#answers];
    return { secrets, files, answers, samples: this.#samples };
  }

  /** Before it is called nothing is noted, so nothing is searched: the demo and the benchmarks have no need of it. */
  start(): void {
    this.#begin = Date.now();
  }

  /** To be called before anything can write the secret, or what it is sealed in. */
  note(secret: string | undefined): void {
    if (this.#begin === null || secret === undefined || !this.#matcher.add(secret)) return;
    this.#secrets++;
    this.#tell({ kind: 'secret', secret: secret.trim() });
  }

  opened(scratch: Watched): void {
    this.#open.set(scratch, []);
  }

  /** Has something searched whenever its scratch is. */
  addAnswer(scratch: Watched, answer: Answer): void {
    this.#open.get(scratch)?.push(answer);
  }

  /** Searches what there is now. */
  async search(scratch: Watched): Promise<void> {
    if (this.#matcher.count === 0) return;
    for (const { kind, read } of this.#open.get(scratch) ?? []) {
      const text = await read();
      if (text === null) continue;
      this.#answers++;
      if (this.#matcher.matches(Buffer.from(text))) this.#found(kind, kind);
    }
    for (const root of [scratch.directory, scratch.runDirectory]) {
      const { files, found } = searchFiles(root, this.#matcher);
      this.#files += files;
      for (const { kind, path } of found) this.#found(kind, path);
    }
  }

  /** After the last search of a scratch: with the last one that is open, its secrets have nowhere to be. */
  closed(scratch: Watched): void {
    this.#open.delete(scratch);
    if (this.#open.size > 0) return;
    this.#searchCores();
    this.#matcher.clear();
    if (this.#sampler !== undefined) this.#tell({ kind: 'forget' });
  }

  /** Ends the sampling; the counts are whole after it. */
  async stop(): Promise<void> {
    const sampler = this.#sampler;
    if (sampler?.exitCode !== null || sampler.signalCode !== null) return;
    const reported = new Promise<void>((resolve) => {
      sampler.on('message', (message: FromSampler) => message.kind === 'samples' && resolve());
      sampler.once('exit', () => resolve());
    });
    const ended = new Promise((resolve) => sampler.once('exit', resolve));
    this.#tell({ kind: 'report' });
    sampler.ref();
    await reported;
    if (sampler.connected) sampler.disconnect();
    await ended;
  }

  #tell(message: ToSampler): void {
    this.#sampler ??= this.#startSampler();
    // A sampler that has ended is missed by the counts.
    if (this.#sampler.connected) this.#sampler.send(message, () => undefined);
  }

  #startSampler(): ChildProcess {
    const sampler = fork(join(import.meta.dirname, 'process-sampler.ts'), { stdio: 'inherit' });
    sampler.on('message', (message: FromSampler) => {
      if (message.kind === 'samples') this.#samples = message.samples;
      else this.#found(message.found.place, `${message.found.kind}, process ${message.found.pid}`);
    });
    sampler.unref();
    sampler.channel?.unref();
    return sampler;
  }

  /** Where the kernel puts them for processes of ours: in their working directories. */
  #searchCores(): void {
    const begin = this.#begin;
    if (begin === null) return;
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
    if (pattern.startsWith('|')) return;
    const directories = isAbsolute(pattern) ? [dirname(pattern)] : ['/', process.cwd()];
    const prefix = basename(pattern).split('%')[0] ?? '';
    for (const directory of directories)
      for (const name of readdirSync(directory)) {
        const path = join(directory, name);
        if (!name.startsWith(prefix) || (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < begin)
          continue;
        const isFound = fileMatches(path, this.#matcher);
        if (isFound !== undefined) this.#files++;
        if (isFound === true) this.#found('core file', path);
      }
  }

  #found(kind: string, where: string): void {
    if (this.#findings.some((finding) => finding.kind === kind && finding.where === where)) return;
    this.#findings.push({ kind, where, during: this.during });
  }
}
