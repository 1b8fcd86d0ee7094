import type { Settings } from './config.ts';

/** What a probe profile may have otherwise than the rest of the node: see `perProfile` in config-keys.ts. */
export type ProfileConfig = Pick<Settings, 'mode' | 'emulator' | 'namespaces' | 'launchUsers'>;

/** One key `profile.NAME.KEY` of the configuration file, taken apart. */
export interface ProfileKey {
  readonly profile: string;
  readonly key: string;
}

/** A name is part of keys in the file, and that of a directory. */
export function isProfileName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,30}$/.test(text);
}

/** @returns null for a key that is none of a profile's; its parts may still be anything */
export function splitProfileKey(text: string): ProfileKey | null {
  const [, profile, key] = /^profile\.(.*)\.([^.]*)$/.exec(text) ?? [];
  return profile === undefined || key === undefined ? null : { profile, key };
}
