import type { CoverageMap } from './coverage-map.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { mutateBytes } from './mutate-bytes.ts';
import type { Xorshift } from './xorshift.ts';

/** Work that grows with the square of the length takes several times as long. */
const defaultMaxLength = 32 * 1024;
const maxMilliseconds = 300;

export interface FuzzProgress {
  readonly runs: number;
  readonly taken: number;
  readonly branches: number;
  readonly inputs: number;
  /** Seconds of fuzzing after which a branch was last taken for the first time. */
  readonly lastGrowth: number;
}

/** An input for which a property does not hold. */
export class Finding extends Error {
  readonly input: Buffer;

  constructor(input: Buffer, cause: unknown) {
    super(`Input ${input.toString('base64')}`, { cause });
    this.name = 'Finding';
    this.input = input;
  }
}

/** Mutates inputs, and keeps those that take branches that none has taken, or has taken so often. */
export class GuidedFuzzer {
  readonly #target: FuzzTarget;
  readonly #coverage: CoverageMap;
  readonly #random: Xorshift;
  readonly #corpus: Buffer[] = [];
  #runs = 0;
  #lastGrowth = 0;

  constructor(target: FuzzTarget, coverage: CoverageMap, random: Xorshift) {
    this.#target = target;
    this.#coverage = coverage;
    this.#random = random;
  }

  /** @throws Finding when one of them breaks a property */
  start(inputs: readonly Buffer[]): void {
    for (const input of inputs.toSorted((a, b) => a.length - b.length)) this.#try(input);
  }

  /**
   * Goes on for so long.
   * @throws Finding
   */
  run(milliseconds: number): FuzzProgress {
    const begin = performance.now();
    const maxLength = this.#target.maxLength ?? defaultMaxLength;
    let tokens = this.#coverage.tokens;
    for (;;) {
      const spent = performance.now() - begin;
      if (spent >= milliseconds) return this.progress;
      for (let left = 64; left > 0; left -= 1) {
        const sources = { tokens, others: this.#corpus, maxLength };
        const before = this.#coverage.taken;
        if (!this.#try(mutateBytes(this.#random, this.#pick(), sources))) continue;
        if (this.#coverage.taken > before) this.#lastGrowth = Math.round(spent / 1000);
      }
      if (this.#runs % 1024 === 0) tokens = this.#coverage.tokens;
    }
  }

  get progress(): FuzzProgress {
    const { taken, branches } = this.#coverage;
    return { runs: this.#runs, taken, branches, inputs: this.#corpus.length, lastGrowth: this.#lastGrowth };
  }

  /** Short inputs that together take what all have taken. */
  minimised(): readonly Buffer[] {
    this.#coverage.forget();
    const kept: Buffer[] = [];
    for (const input of this.#corpus.toSorted((a, b) => a.length - b.length)) {
      const needed = this.#freshOf(input);
      if (needed.size === 0) continue;
      const short = this.#shrink(input, needed);
      this.#measure(short);
      this.#coverage.collect();
      kept.push(short);
    }
    return kept;
  }

  #freshOf(input: Buffer): ReadonlySet<number> {
    this.#measure(input);
    return new Set(this.#coverage.fresh());
  }

  /** Leaves out parts, from halves down to a few bytes, as long as all that is needed is taken. */
  #shrink(input: Buffer, needed: ReadonlySet<number>): Buffer {
    let short = input;
    for (let size = input.length >> 1; size >= 4; size >>= 1)
      for (let at = 0; at < short.length;) {
        const without = Buffer.concat([short.subarray(0, at), short.subarray(at + size)]);
        const taken = this.#freshOf(without);
        if ([...needed].every((feature) => taken.has(feature))) short = without;
        else at += size;
      }
    return short;
  }

  #try(input: Buffer): boolean {
    this.#runs += 1;
    const begin = performance.now();
    this.#measure(input);
    if (performance.now() - begin > maxMilliseconds) this.#checkTime(input);
    if (this.#coverage.collect() === 0) return false;
    this.#corpus.push(Buffer.from(input));
    return true;
  }

  #measure(input: Buffer): void {
    this.#coverage.reset();
    try {
      this.#target.run(input);
    } catch (error) {
      throw new Finding(input, error);
    }
  }

  /** The machine may have been busy: it is slow when it is slow three times, by the processor's time. */
  #checkTime(input: Buffer): void {
    const times = [1, 2, 3].map(() => {
      const before = process.threadCpuUsage();
      this.#measure(input);
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / 1000;
    });
    const least = Math.min(...times);
    if (least > maxMilliseconds)
      throw new Finding(input, new Error(`It took ${least.toFixed(0)} ms of ${input.length} bytes`));
  }

  /** Half of the time one of the last few that were found, since what is behind them is the least explored. */
  #pick(): Buffer {
    const { length } = this.#corpus;
    if (this.#random.chance(50)) return this.#at(length - 1 - this.#random.below(Math.min(length, 8)));
    const [one, other] = [this.#random.below(length), this.#random.below(length)].map((at) => this.#at(at));
    // The shorter of two: long ones are slow, and say little more.
    return one !== undefined && other !== undefined && other.length > one.length
      ? one
      : (other ?? this.#at(0));
  }

  #at(index: number): Buffer {
    return this.#corpus[index] ?? Buffer.alloc(0);
  }
}
