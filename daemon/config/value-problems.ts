import { quoteText } from '../quote-text.ts';
import type { ConfigProblem } from './config-error.ts';
import { configKeys } from './config-keys.ts';
import type { Entries } from './read-entries.ts';

/** What valibot says about one value. */
interface Issue {
  readonly message: string;
  readonly path?: readonly { readonly key: unknown }[] | undefined;
}

/** The values that the schema does not take, each with its line; `prefix` is what stands before the keys in the file. */
export function valueProblems(
  issues: readonly Issue[] | undefined,
  entries: Entries,
  prefix: string,
): readonly ConfigProblem[] {
  return (issues ?? []).map((issue) => {
    const property = issue.path?.[0]?.key;
    const known = configKeys.find((candidate) => candidate.property === property);
    const key = prefix + (known?.key ?? String(property));
    const entry = entries.get(key);
    return {
      line: entry?.line ?? null,
      text: `"${key}" is ${quoteText(entry?.value ?? '')}; it must be ${issue.message}`,
    };
  });
}
