import { quoteText } from '../quote-text.ts';
import type { ConfigProblem } from './config-error.ts';
import { configKeys } from './config-keys.ts';
import { nearestWord } from './nearest-word.ts';
import { isProfileName, splitProfileKey } from './profile-config.ts';

/** What stands behind the `=` of a key, and where. */
export interface Entry {
  readonly line: number;
  readonly value: string;
}

/** By key as the file spells it. */
export type Entries = ReadonlyMap<string, Entry>;

/** Splits the text of a configuration file into its keys and their values, and says what is none of them. */
export function readEntries(text: string): {
  readonly entries: Entries;
  readonly problems: readonly ConfigProblem[];
} {
  const problems: ConfigProblem[] = [];
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
    const unknown = problemOf(key);
    const earlier = entries.get(key);
    if (equals < 0) {
      problems.push({ line, text: `${quoteText(content)} has no "="; write key = value` });
    } else if (unknown !== null) {
      problems.push({ line, text: unknown });
    } else if (earlier !== undefined) {
      problems.push({
        line,
        text: `"${key}" is set on line ${String(earlier.line)} already; keep one of them`,
      });
    } else {
      entries.set(key, { line, value: content.slice(equals + 1).trim() });
    }
  }
  return { entries, problems };
}

/** What is wrong with a key; null when it is one. */
function problemOf(text: string): string | null {
  const all = configKeys.map(({ key }) => key);
  const ofProfile = splitProfileKey(text);
  if (ofProfile === null)
    return all.includes(text) ? null : `${quoteText(text)} is an unknown key; ${adviceFor(text, all)}`;
  const { profile, key } = ofProfile;
  if (!isProfileName(profile))
    return (
      `${quoteText(text)} is for a profile with the name ${quoteText(profile)}; a name must be 1 to 31 of ` +
      'a-z, 0-9 and -, not beginning with -'
    );
  const own = configKeys.filter(({ perProfile }) => perProfile).map((each) => each.key);
  if (own.includes(key)) return null;
  const advice = all.includes(key)
    ? `"${key}" holds for all profiles alike; a profile may have ${own.join(', ')} of its own`
    : adviceFor(key, own);
  return `${quoteText(text)} is an unknown key; ${advice}`;
}

function adviceFor(key: string, keys: readonly string[]): string {
  const near = nearestWord(key, keys);
  return near === undefined ? `remove it, or use one of ${keys.join(', ')}` : `did you mean "${near}"?`;
}
