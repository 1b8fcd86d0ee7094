import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLibc } from '../../../daemon/host/libc.ts';
import type { LogFields } from '../../../daemon/observe/logger.ts';
import { ProbeRefresher } from '../../../daemon/profiles/probe-refresher.ts';
import type { LaunchSettings } from '../../../daemon/profiles/profile.ts';
import { StubProfiles } from '../../../daemon/profiles/stub-profiles.ts';
import { Scratch } from '../../support/scratch.ts';

export const commonSettings: LaunchSettings = {
  mode: 'fork',
  emulator: '/common',
  namespaces: ['mnt'],
  launchUids: new Set([1]),
};
export const ownSettings: LaunchSettings = { ...commonSettings, mode: 'exec', emulator: '/own' };

/** A directory of emulators in a root of its own, and what a daemon knows of it. The profile `own` has settings. */
export class ProfileBench {
  readonly scratch = Scratch.open('test');
  /** Stands for the node's root. */
  readonly root = join(this.scratch.directory, 'root');
  readonly log: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  readonly profiles = new StubProfiles({
    hostRoot: this.root,
    directory: '/emulators',
    settings: new Map([['own', ownSettings]]),
    common: commonSettings,
  });
  readonly refresher = this.newRefresher();

  constructor() {
    mkdirSync(join(this.root, 'emulators'), { recursive: true, mode: 0o755 });
  }

  /** As after a restart of the daemon. */
  newRefresher(): ProbeRefresher {
    const log = (message: string, fields?: LogFields): void => void this.log.push({ message, fields });
    return new ProbeRefresher({
      libc: createLibc(),
      profiles: this.profiles,
      hostRoot: this.root,
      logger: { info: log, warn: log, error: log },
      intervalMs: 100,
    });
  }

  /** A path below the root as this process has it. */
  at(path: string): string {
    return join(this.root, path);
  }

  writeProgram(path: string, mode = 0o755): string {
    mkdirSync(join(this.at(path), '..'), { recursive: true, mode: 0o755 });
    writeFileSync(this.at(path), path);
    chmodSync(this.at(path), mode);
    return this.at(path);
  }

  identify(path: string): { readonly device: bigint; readonly inode: bigint } {
    const { dev, ino } = statSync(this.at(path), { bigint: true });
    return { device: dev, inode: ino };
  }
}
