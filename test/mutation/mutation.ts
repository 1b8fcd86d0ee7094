/** One defence that is switched off, to see whether the tests notice. */
export interface Mutation {
  /** A short name for the command line: `stub-trusts-any-listener`. */
  readonly name: string;
  /** Entries of docs/checklists.md that the defence is for. */
  readonly rows: readonly string[];
  /** From the root of the tree. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
  /** What must fail then. */
  readonly tests: readonly string[];
  /** Of their names, as mocha's --grep. */
  readonly grep?: string;
}
