import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { instrument } from './instrument.ts';

const maxEdges = 1 << 14;
/** 32 times or more are all the same: longer inputs would be new for ever. */
const mostDoublings = 5;
const longestToken = 64;
const mostTokens = 512;

/** Which branches of the daemon's modules a run has taken, and how often, in powers of two. */
export class CoverageMap {
  readonly #edges = new Uint32Array(maxEdges);
  readonly #seen = new Uint8Array(maxEdges);
  readonly #tokens = new Set<string>();
  readonly #literals = new Set<string>();
  #used = 0;
  #taken = 0;

  /** All modules of the daemon that are imported from here on count their branches here. */
  install(): void {
    const compare = (left: unknown, right: unknown): boolean => {
      if (left === right) return true;
      if (typeof left === 'string' && typeof right === 'string') this.#remember(left, right);
      return false;
    };
    Object.assign(globalThis, { __edges: this.#edges, __compare: compare });
    registerHooks({
      load: (url, context, nextLoad) => {
        if (!/^file:.*\/daemon\/.*\.ts$/.test(url)) return nextLoad(url, context);
        const path = fileURLToPath(url);
        const { code, edges, literals } = instrument(path, readFileSync(path, 'utf8'), this.#used);
        this.#used += edges;
        if (this.#used > maxEdges) throw new Error(`Cannot count more than ${maxEdges} branches`);
        for (const literal of literals) this.#literals.add(literal);
        return { format: 'module', source: code, shortCircuit: true };
      },
    });
  }

  /** Words that the modules compare with, and what has been compared of late. */
  get tokens(): readonly string[] {
    return [...this.#literals, ...this.#tokens].filter((token) => token !== '');
  }

  /** How many branches have been taken at least once. */
  get taken(): number {
    return this.#taken;
  }

  get branches(): number {
    return this.#used;
  }

  reset(): void {
    this.#edges.fill(0, 0, this.#used);
  }

  /** Counts what has been taken since the last reset(); how much of it is new. */
  collect(): number {
    const found = this.fresh();
    for (const feature of found) {
      const seen = this.#seen[feature >> 3] ?? 0;
      this.#seen[feature >> 3] = seen | (1 << (feature & 7));
      if (seen === 0) this.#taken += 1;
    }
    return found.length;
  }

  /** What has been taken since the last reset() and never before that: numbers of a branch and how often. */
  fresh(): readonly number[] {
    const found: number[] = [];
    for (let edge = 0; edge < this.#used; edge += 1) {
      const count = this.#edges[edge] ?? 0;
      if (count === 0) continue;
      const doublings = Math.min(31 - Math.clz32(count), mostDoublings);
      if (((this.#seen[edge] ?? 0) & (1 << doublings)) === 0) found.push(8 * edge + doublings);
    }
    return found;
  }

  /** Forgets what has been seen, so that a corpus can be judged anew. */
  forget(): void {
    this.#seen.fill(0);
    this.#taken = 0;
  }

  #remember(...texts: readonly string[]): void {
    for (const text of texts)
      if (text.length <= longestToken && this.#tokens.size < mostTokens) this.#tokens.add(text);
    if (this.#tokens.size >= mostTokens) this.#tokens.clear();
  }
}
