import { hasCode, Refusal } from '../errors.ts';
import type { FileStatus } from '../host/libc.ts';
import type { Logger } from '../observe/logger.ts';
import type { LaunchSettings } from '../profiles/profile.ts';
import type { StubProfiles } from '../profiles/stub-profiles.ts';
import type { Caller } from './caller.ts';

/** So many stubs that are no profile's are told of. */
const MAX_TOLD = 100;

/** What holds for the launches of one stub. */
export interface AppliedSettings extends LaunchSettings {
  /** Null: those of the node, for a stub that is in no profile. */
  readonly profile: string | null;
}

/** Tells by the executable of a caller which settings its launch is subject to. */
export class StubSettings {
  readonly #profiles: StubProfiles;
  readonly #common: LaunchSettings;
  readonly #logger: Pick<Logger, 'info'>;
  readonly #told = new Set<string>();

  /** @param common for stubs that are in no profile */
  constructor(profiles: StubProfiles, common: LaunchSettings, logger: Pick<Logger, 'info'>) {
    this.#profiles = profiles;
    this.#common = common;
    this.#logger = logger;
  }

  /** @throws Refusal when there is no telling, or when the caller's user may not launch by this stub */
  of({ process, credentials }: Pick<Caller, 'process' | 'credentials'>): AppliedSettings {
    const { status, path } = executableOf(process);
    const found = this.#profiles.find(status);
    if (found === null) this.#checkKept(status, path);
    const settings = { ...(found ?? this.#common), profile: found?.name ?? null };
    if (settings.launchUids.has(credentials.uid)) return settings;
    const { profile } = settings;
    throw new Refusal(
      'caller-not-allowed',
      `Cannot start a VM for uid ${credentials.uid}: it is not allowed to${profile === null ? '' : ` by profile "${profile}"`}`,
      `add the user that libvirt runs QEMU as to "${keyOf(profile, 'launch-users')}" in qemu-kube.conf`,
    );
  }

  /** An upgrade must not have a VM started with the settings of no profile. */
  #checkKept({ links }: FileStatus, path: string): void {
    if (links === 0 && this.#profiles.list().some(({ stubs }) => stubs.length > 0))
      throw new Refusal(
        'launch-failed',
        'Cannot tell the profile of the stub: its file was replaced while it started',
        'start the VM again',
      );
    if (this.#told.has(path) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(path);
    this.#logger.info('A stub is in no profile: the settings of the node hold for it', { stub: path });
  }
}

/** The key of the configuration that holds for a profile. */
export function keyOf(profile: string | null, key: string): string {
  return profile === null ? key : `profile.${profile}.${key}`;
}

function executableOf(process: Caller['process']): { readonly status: FileStatus; readonly path: string } {
  try {
    return { status: process.statLink('exe'), path: process.readLink('exe') };
  } catch (error) {
    if (!hasCode(error, 'ESRCH', 'ENOENT')) throw error;
    throw new Refusal('caller-gone', 'Cannot start the VM: libvirt ended the stub', 'start the VM again', {
      cause: error,
    });
  }
}
