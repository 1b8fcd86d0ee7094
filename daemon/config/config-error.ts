import { quoteText } from '../quote-text.ts';

/** Something wrong in a configuration file. */
export interface ConfigProblem {
  /** Line number from 1; `null` when it is not about one line. */
  readonly line: number | null;
  /** What is wrong and what was expected instead. */
  readonly text: string;
}

/** A configuration file that can't be used: everything that is wrong with it, a line of `message` each. */
export class ConfigError extends Error {
  readonly fileName: string;
  readonly problems: readonly ConfigProblem[];

  constructor(fileName: string, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map((problem) => messageOf(fileName, problem)).join('\n'), options);
    this.name = 'ConfigError';
    this.fileName = fileName;
    this.problems = problems;
  }
}

function messageOf(fileName: string, { line, text }: ConfigProblem): string {
  const where = line === null ? '' : `line ${String(line)}: `;
  return `Cannot use the configuration ${quoteText(fileName)}: ${where}${text}`;
}
