/** One parser, or a few that belong together, and what must hold for whatever they are given. */
export interface FuzzTarget {
  /** Also the name of its corpus. */
  readonly name: string;
  /** What it is to reach 95 % of the lines of: files below `daemon/`. */
  readonly files: readonly string[];
  /** What to start from. */
  readonly seeds: readonly (string | Buffer)[];
  /** Longest input; 32 KiB when absent. Less for what does much, but bounded work for each line. */
  readonly maxLength?: number;
  /** Throws where a property does not hold; a refusal is no such error, and stays inside. */
  readonly run: (input: Buffer) => void;
}
