import path from 'node:path';

import { Refusal } from '../errors.ts';
import type { FileIdentity } from '../host/libc.ts';
import { listProfileDirectories, type ProfileDirectory } from './list-profile-directories.ts';
import type { LaunchSettings, Profile } from './profile.ts';

export interface StubProfilesOptions {
  /** Put before a path of the node. */
  readonly hostRoot: string;
  /** Holds the directories of the profiles, as the node has it. */
  readonly directory: string;
  /** Of profiles that have settings of their own. */
  readonly settings: ReadonlyMap<string, LaunchSettings>;
  /** Of all others. */
  readonly common: LaunchSettings;
}

/** The probe profiles of this node, known by the copies of the stub in their directories. */
export class StubProfiles {
  readonly #options: StubProfilesOptions;

  constructor(options: StubProfilesOptions) {
    this.#options = options;
  }

  /** Names of the profiles that have settings of their own, installed or not. */
  get configured(): readonly string[] {
    return [...this.#options.settings.keys()];
  }

  /** As they are installed now. */
  list(): readonly ProfileDirectory[] {
    const { hostRoot, directory } = this.#options;
    return listProfileDirectories(hostRoot, directory);
  }

  /**
   * The profile that an executable is a stub of, whatever name it was called by; null when it is none's. Looked up anew
   * each time, so an upgraded stub is known at once.
   *
   * @throws Refusal when it is the stub of several profiles
   */
  find({ device, inode }: FileIdentity): Profile | null {
    const found = this.list().flatMap(({ name, stubs }) => {
      const stub = stubs.find(({ info }) => info.dev === device && info.ino === inode);
      return stub === undefined ? [] : [{ name, path: stub.path }];
    });
    const [first, second] = found;
    if (first !== undefined && second !== undefined)
      throw new Refusal(
        'launch-failed',
        `Cannot tell the profile of the stub: "${first.path}" and "${second.path}" are one file`,
        'make one of them a copy',
      );
    if (first === undefined) return null;
    const { settings, common } = this.#options;
    return { ...(settings.get(first.name) ?? common), name: first.name };
  }

  /**
   * The profile of a stub by its path as a domain names it; null when no stub is installed there. Who asks may name
   * any path of the node: it is compared with those of the stubs, and never looked up.
   *
   * @throws Refusal when it is the stub of several profiles
   */
  findByPath(emulator: string): Profile | null {
    const { directory } = this.#options;
    for (const { name, stubs } of this.list())
      for (const { path: resolved, info } of stubs) {
        // The directory of the emulators itself may be a link: both ways to it are the stub's.
        const isIt =
          emulator === resolved || emulator === path.join(directory, name, path.basename(resolved));
        if (isIt) return this.find({ device: info.dev, inode: info.ino });
      }
    return null;
  }
}
