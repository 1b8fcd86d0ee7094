import { configKeys } from './config-keys.ts';
import { readEntries } from './read-entries.ts';

/** One setting as it would stand in the file. */
export interface EffectiveSetting {
  readonly key: string;
  readonly value: string;
  /** Of the file; null for a default. */
  readonly line: number | null;
}

/** What holds with a configuration, the settings of profiles last: as text, since that is what people compare. */
export function effectiveSettings(text: string): readonly EffectiveSetting[] {
  const { entries } = readEntries(text);
  const common = configKeys.map(({ key, defaultText }) => {
    const entry = entries.get(key);
    return { key, value: entry?.value ?? defaultText, line: entry?.line ?? null };
  });
  const names = new Set(configKeys.map(({ key }) => key));
  const ofProfiles = [...entries].filter(([key]) => !names.has(key));
  return [...common, ...ofProfiles.map(([key, { value, line }]) => ({ key, value, line }))];
}
