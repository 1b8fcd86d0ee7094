import type { Access } from '../access.ts';
import type { Config } from '../config/config.ts';
import type { LaunchSettings } from './profile.ts';

/** What the configuration says of launches. */
export interface ProfileSettings {
  /** Of the profiles that have settings of their own, by name. */
  readonly own: ReadonlyMap<string, LaunchSettings>;
  /** Of all other launches. */
  readonly common: LaunchSettings;
  /** Everybody who may launch by some stub. */
  readonly uids: ReadonlySet<number>;
}

type LaunchConfig = Pick<Config, 'mode' | 'emulator' | 'namespaces' | 'profiles'>;

export function profileSettings(
  { mode, emulator, namespaces, profiles }: LaunchConfig,
  { launchUids, profileUids }: Pick<Access, 'launchUids' | 'profileUids'>,
): ProfileSettings {
  const none: ReadonlySet<number> = new Set();
  const own = [...profiles].map(([name, each]): [string, LaunchSettings] => [
    name,
    {
      mode: each.mode,
      emulator: each.emulator,
      namespaces: each.namespaces,
      launchUids: profileUids.get(name) ?? none,
    },
  ]);
  return {
    own: new Map(own),
    common: { mode, emulator, namespaces, launchUids },
    uids: new Set([launchUids, ...profileUids.values()].flatMap((each) => [...each])),
  };
}
