import * as v from 'valibot';
import type { ConfigProblem } from './config-error.ts';
import { configKeys } from './config-keys.ts';
import { configSchema } from './config.ts';
import { splitProfileKey, type ProfileConfig } from './profile-config.ts';
import type { Entries } from './read-entries.ts';
import { valueProblems } from './value-problems.ts';

const profileSchema = v.pick(configSchema, ['mode', 'emulator', 'namespaces', 'launchUsers']);

/** The probe profiles that a configuration file names. */
export interface ParsedProfiles {
  readonly profiles: ReadonlyMap<string, ProfileConfig>;
  readonly problems: readonly ConfigProblem[];
}

/**
 * The settings of each profile: its own, or else those of the node.
 *
 * @param common values for the whole node as text, by property; one that is bad is another one's to report
 */
export function parseProfiles(entries: Entries, common: Readonly<Record<string, string>>): ParsedProfiles {
  const names = new Set([...entries.keys()].flatMap((key) => splitProfileKey(key)?.profile ?? []));
  const profiles = new Map<string, ProfileConfig>();
  const problems: ConfigProblem[] = [];
  for (const name of names) {
    const prefix = `profile.${name}.`;
    const own = configKeys.flatMap(({ key, property }) => {
      const entry = entries.get(prefix + key);
      return entry === undefined ? [] : [[property, entry.value] as const];
    });
    const result = v.safeParse(profileSchema, { ...common, ...Object.fromEntries(own) });
    const isOwn = (issue: { readonly path?: readonly { readonly key: unknown }[] | undefined }): boolean =>
      own.some(([property]) => property === issue.path?.[0]?.key);
    problems.push(...valueProblems(result.issues?.filter(isOwn), entries, prefix));
    if (!result.success) continue;
    profiles.set(name, result.output);
    problems.push(...modeProblems(entries, prefix, result.output));
  }
  return { profiles, problems };
}

/** Where both are the node's, they are reported as the node's. */
function modeProblems(
  entries: Entries,
  prefix: string,
  { mode, namespaces }: ProfileConfig,
): readonly ConfigProblem[] {
  const culprit = [`${prefix}namespaces`, `${prefix}mode`].find((key) => entries.has(key));
  if (culprit === undefined || mode !== 'exec' || !namespaces.includes('pid')) return [];
  const has = culprit.endsWith('.mode') ? 'is exec, but "namespaces" has pid' : 'has pid';
  return [
    {
      line: entries.get(culprit)?.line ?? null,
      text:
        `"${culprit}" ${has}, which exec mode cannot join, since no process can change its own; ` +
        `set "${prefix}namespaces" without pid, or "${prefix}mode" to fork`,
    },
  ];
}
