import * as v from 'valibot';
import { ConfigError } from './config-error.ts';
import type { ConfigProblem } from './config-error.ts';
import { configKeys } from './config-keys.ts';
import { configSchema } from './config.ts';
import type { Config, Settings } from './config.ts';
import { parseProfiles } from './parse-profiles.ts';
import { readEntries, type Entries } from './read-entries.ts';
import { valueProblems } from './value-problems.ts';

/** The configuration of a node that has no configuration file. */
export function defaultConfig(): Config {
  return parseConfig('', 'the defaults');
}

/**
 * Reads the text of a configuration file: `key = value` lines, blank lines, and comments that begin with `#` at the
 * start of a line or behind a space. What the text does not set has its default.
 *
 * @param fileName for messages.
 * @throws ConfigError with every unknown key, key given twice and bad value, by line.
 */
export function parseConfig(text: string, fileName: string): Config {
  const { entries, problems: unreadable } = readEntries(text);
  const problems: ConfigProblem[] = [...unreadable];

  const raw = Object.fromEntries(
    configKeys.map(({ key, property, defaultText }) => [property, entries.get(key)?.value ?? defaultText]),
  );
  const result = v.safeParse(configSchema, raw);
  problems.push(...valueProblems(result.issues, entries, ''));

  if (result.success && result.output.mode === 'exec' && result.output.namespaces.includes('pid'))
    problems.push({
      line: entries.get('namespaces')?.line ?? null,
      text: '"namespaces" has pid, which exec mode cannot join, since no process can change its own; remove pid, or set "mode" to fork',
    });

  if (result.success && result.output.secretKeys.length === 0) {
    const sealed = result.output.secretForms?.filter((form) => form === 'rsa' || form === 'jwe') ?? [];
    if (sealed.length > 0)
      problems.push({
        line: entries.get('secret-forms')?.line ?? null,
        text: `"secret-forms" has ${sealed.join(' and ')}, which takes a private key; set "secret-keys", or leave it out`,
      });
  }

  if (result.success) problems.push(...kubernetesProblems(result.output, entries));

  const profiles = parseProfiles(entries, raw);
  problems.push(...profiles.problems);

  if (result.success && problems.length === 0) return { ...result.output, profiles: profiles.profiles };
  throw new ConfigError(
    fileName,
    problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  );
}

function kubernetesProblems(
  { kubernetes, requirePod, secretForms }: Settings,
  entries: Entries,
): readonly ConfigProblem[] {
  const lineOf = (key: string): number | null => entries.get(key)?.line ?? null;
  if (kubernetes === 'off')
    return secretForms?.includes('token') === true
      ? [
          {
            line: lineOf('secret-forms'),
            text: '"secret-forms" has token, which Kubernetes has to vouch for; set "kubernetes = verify", or leave it out',
          },
        ]
      : [];
  if (requirePod) return [];
  const text =
    '"kubernetes" is verify, but "require-pod" is no: Kubernetes knows only pods; set "require-pod" to yes, or ' +
    '"kubernetes" to off';
  return [{ line: lineOf('kubernetes'), text }];
}
