import * as v from 'valibot';
import { quoteText } from '../quote-text.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigProblem } from './config-error.ts';
import { configKeys } from './config-keys.ts';
import { configSchema } from './config.ts';
import type { Config } from './config.ts';
import { nearestWord } from './nearest-word.ts';

interface Entry {
  readonly line: number;
  readonly value: string;
}

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
  const problems: ConfigProblem[] = [];
  const entries = readEntries(text, problems);

  const raw = Object.fromEntries(
    configKeys.map(({ key, property, defaultText }) => [property, entries.get(key)?.value ?? defaultText]),
  );
  const result = v.safeParse(configSchema, raw);
  for (const issue of result.issues ?? []) {
    const property = issue.path?.[0].key;
    const key = configKeys.find((candidate) => candidate.property === property)?.key ?? String(property);
    const entry = entries.get(key);
    problems.push({
      line: entry?.line ?? null,
      text: `"${key}" is ${quoteText(entry?.value ?? '')}; it must be ${issue.message}`,
    });
  }

  if (result.success && result.output.mode === 'exec' && result.output.namespaces.includes('pid'))
    problems.push({
      line: entries.get('namespaces')?.line ?? null,
      text: '"namespaces" has pid, which exec mode cannot join, since no process can change its own; remove pid, or set "mode" to fork',
    });

  if (result.success && result.output.secretKeys.length === 0) {
    const sealed = result.output.secretForms?.filter((form) => form !== 'plain') ?? [];
    if (sealed.length > 0)
      problems.push({
        line: entries.get('secret-forms')?.line ?? null,
        text: `"secret-forms" has ${sealed.join(' and ')}, which takes a private key; set "secret-keys", or leave it out`,
      });
  }

  if (result.success && problems.length === 0) return result.output;
  throw new ConfigError(
    fileName,
    problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  );
}

function readEntries(text: string, problems: ConfigProblem[]): ReadonlyMap<string, Entry> {
  const keys = configKeys.map(({ key }) => key);
  const entries = new Map<string, Entry>();
  for (const [index, whole] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = index + 1;
    const content = whole.replace(/(^|\s)#[^]*$/, '').trim();
    if (content === '') continue;

    const equals = content.indexOf('=');
    const key = content.slice(0, equals).trim();
    const earlier = entries.get(key);
    if (equals < 0) {
      problems.push({ line, text: `${quoteText(content)} has no "="; write key = value` });
    } else if (!keys.includes(key)) {
      problems.push({ line, text: `${quoteText(key)} is an unknown key; ${adviceFor(key, keys)}` });
    } else if (earlier !== undefined) {
      problems.push({
        line,
        text: `"${key}" is set on line ${String(earlier.line)} already; keep one of them`,
      });
    } else {
      entries.set(key, { line, value: content.slice(equals + 1).trim() });
    }
  }
  return entries;
}

function adviceFor(key: string, keys: readonly string[]): string {
  const near = nearestWord(key, keys);
  return near === undefined ? `remove it, or use one of ${keys.join(', ')}` : `did you mean "${near}"?`;
}
