import { LineBudget } from './line-budget.ts';

/** Keeps lines that others can bring about few, by their kinds. */
export class LineLimit<Kind> {
  readonly #kinds = new Map<Kind, LineBudget>();

  /** How many lines of this kind were left out since the last; `null`: leave this one out, too. */
  take(kind: Kind): number | null {
    const budget = this.#kinds.get(kind) ?? new LineBudget();
    this.#kinds.set(kind, budget);
    return budget.take();
  }
}
