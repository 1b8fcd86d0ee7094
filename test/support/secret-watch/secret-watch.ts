import { CorePlace } from './core-place.ts';
import { kindOfFile } from './file-kinds.ts';
import { fileMatches } from './file-matches.ts';
import { Sampler } from './sampler.ts';
import type { SecretCounts } from './secret-counts.ts';
import { SecretMatcher } from './secret-matcher.ts';
import { searchFiles } from './search-files.ts';

/** Asks a driver for what it answers, and has the watch hear it. Asked whenever its scratch is searched. */
export type Question = () => Promise<void>;

/** What is searched of one scratch. */
export interface Watched {
  readonly directory: string;
  readonly runDirectory: string;
}

export interface SecretFinding {
  readonly kind: string;
  /** A path, a process, or what was heard; never the secret. */
  readonly where: string;
  /** The test that ran, or had run last. */
  readonly during: string;
}

/**
 * Looks for the secrets of a run of the tests in all that the driver writes: files, answers, output, and the environments
 * and command lines of its processes. Secrets are noted where tests make them.
 */
export class SecretWatch {
  readonly #matcher = new SecretMatcher();
  readonly #open = new Map<Watched, Question[]>();
  readonly #findings: SecretFinding[] = [];
  readonly #cores: CorePlace;
  readonly #sampler = new Sampler(({ place, kind, pid }) => this.#found(place, `${kind}, process ${pid}`));
  readonly #files = new Map<string, number>();
  readonly #heard = new Map<string, number>();
  #begin: number | null = null;
  #secrets = 0;
  /** Title of the test that runs. */
  during = '';

  constructor(cores = new CorePlace()) {
    this.#cores = cores;
  }

  get findings(): readonly SecretFinding[] {
    return this.#findings;
  }

  get counts(): SecretCounts {
    return {
      secrets: this.#secrets,
      files: Object.fromEntries(this.#files),
      heard: Object.fromEntries(this.#heard),
      samples: this.#sampler.samples,
      coreHandler: this.#cores.handler,
    };
  }

  /** Before it is called nothing is noted, so nothing is searched: the demo and the benchmarks have no need of it. */
  start(): void {
    this.#begin = Date.now();
  }

  /** To be called before anything can write the secret, or what it is sealed in. */
  note(secret: string | undefined): void {
    if (this.#begin === null || secret === undefined || !this.#matcher.add(secret)) return;
    this.#secrets++;
    this.#sampler.add(secret.trim());
  }

  opened(scratch: Watched): void {
    this.#open.set(scratch, []);
  }

  addQuestion(scratch: Watched, question: Question): void {
    this.#open.get(scratch)?.push(question);
  }

  /** Searches what somebody was told, at once: nothing of it is kept. */
  hear(kind: string, text: string): void {
    if (this.#matcher.count === 0) return;
    count(this.#heard, kind);
    if (this.#matcher.matches(Buffer.from(text))) this.#found(kind, kind);
  }

  /** Searches what there is now. */
  async search(scratch: Watched): Promise<void> {
    if (this.#matcher.count === 0) return;
    for (const question of this.#open.get(scratch) ?? []) await question();
    for (const root of [scratch.directory, scratch.runDirectory])
      for (const { kind, path, isFound } of searchFiles(root, this.#matcher)) {
        count(this.#files, kind);
        if (isFound) this.#found(kind, path);
      }
  }

  /** After the last search of a scratch: with the last one that is open, its secrets have nowhere to be. */
  closed(scratch: Watched): void {
    this.#open.delete(scratch);
    if (this.#open.size > 0) return;
    this.#searchCores();
    this.#matcher.clear();
    this.#sampler.forget();
  }

  /** Ends the sampling; the counts are whole after it. */
  async stop(): Promise<void> {
    await this.#sampler.stop();
  }

  #searchCores(): void {
    for (const path of this.#begin === null ? [] : this.#cores.list(this.#begin)) {
      const isFound = fileMatches(path, this.#matcher);
      if (isFound === undefined) continue;
      count(this.#files, kindOfFile('core'));
      if (isFound) this.#found('core file', path);
    }
  }

  #found(kind: string, where: string): void {
    if (this.#findings.some((finding) => finding.kind === kind && finding.where === where)) return;
    this.#findings.push({ kind, where, during: this.during });
  }
}

function count(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
