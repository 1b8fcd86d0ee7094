import { constants } from 'node:fs';
import fs from 'node:fs/promises';

import { hasCode } from '../errors.ts';
import { followLinks, type PathStep } from '../host/follow-links.ts';
import type { Libc } from '../host/libc.ts';
import { errorFields, type Logger } from '../observe/logger.ts';
import { judgeStub } from './judge-stub.ts';
import { localName, type InstalledStub, type ProfileDirectory } from './list-profile-directories.ts';
import type { StubProfiles } from './stub-profiles.ts';

/** File systems stamp with the clock as it was at the last tick, which is at most this long ago. */
const TICK_MS = 10;

export interface ProbeRefresherOptions {
  readonly libc: Pick<Libc, 'bumpChangeTime'>;
  readonly profiles: StubProfiles;
  /** Put before a path of the node. */
  readonly hostRoot: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly intervalMs: number;
}

/**
 * Makes libvirt probe a profile again when the emulator behind its `local` changes. libvirt keys what it knows of an
 * emulator on the ctime of the file that it executes, which is the stub.
 */
export class ProbeRefresher {
  readonly #options: ProbeRefresherOptions;
  /** What was behind `local` at the last look, by the path of the stub. */
  readonly #seen = new Map<string, string>();
  /** The last warnings, by their subject: each is given once, and again when it has been otherwise. */
  readonly #warnings = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ProbeRefresherOptions) {
    this.#options = options;
  }

  /** Looks now and then every `intervalMs`; resolves after the first look. */
  async start(): Promise<void> {
    await this.refresh();
    if (this.#isClosed) return;
    // Not an interval: a file system that does not answer must not pile up looks.
    this.#timer = setTimeout(() => void this.start(), this.#options.intervalMs).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** One look at all profiles. Never throws. */
  async refresh(): Promise<void> {
    const { profiles, logger } = this.#options;
    try {
      const directories = profiles.list();
      for (const directory of directories) await this.#refreshOne(directory);
      for (const name of profiles.configured) {
        const hasStub = directories.some((each) => each.name === name && each.stubs.length > 0);
        const remedy = 'put a copy of the stub there, under the name of an emulator, or remove its settings';
        this.#warn(
          `settings ${name}`,
          hasStub ? null : `profile "${name}" has settings but no stub; ${remedy}`,
        );
      }
      this.#warn('all', null);
    } catch (error) {
      const text = String(error);
      if (this.#warnings.get('all') !== text)
        logger.error('Failed to look at the profiles', errorFields(error));
      this.#warnings.set('all', text);
    }
  }

  async #refreshOne({ name, path, stubs, problems }: ProfileDirectory): Promise<void> {
    this.#warn(`directory ${name}`, problems.length > 0 ? problems.join('; ') : null, name);
    if (stubs.length === 0) return;
    let steps: readonly PathStep[];
    try {
      steps = followLinks(this.#options.hostRoot, `${path}/${localName}`);
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw error;
      const remedy = `make "${path}/${localName}" a link to the emulator that answers probes`;
      this.#warn(
        `local ${name}`,
        `there is no emulator behind "${path}/${localName}": ${error.code}; ${remedy}`,
        name,
      );
      return;
    }
    this.#warn(`local ${name}`, null);
    // A wrapper in the same directory is no stub: to bump it would be to change the emulator.
    const isOnTheWay = ({ info }: InstalledStub): boolean =>
      steps.some((step) => step.info.dev === info.dev && step.info.ino === info.ino);
    for (const stub of stubs) if (!isOnTheWay(stub)) await this.#refreshStub(name, stub, steps);
  }

  async #refreshStub(profile: string, stub: InstalledStub, steps: readonly PathStep[]): Promise<void> {
    const { logger } = this.#options;
    const emulator = steps.at(-1)?.path;
    const found = steps.map(({ path, info }) => `${path} ${info.dev} ${info.ino} ${info.ctimeNs}`).join('\n');
    const seen = this.#seen.get(stub.path);
    const verdict = judgeStub({
      stub: stub.info.ctimeNs,
      emulator: steps.reduce((latest, { info }) => (info.ctimeNs > latest ? info.ctimeNs : latest), 0n),
      now: BigInt(Date.now() - TICK_MS) * 1_000_000n,
      isChanged: seen === undefined ? null : seen !== found,
    });
    if (verdict === 'wait') return;
    if (verdict === 'bump') {
      const failure = await this.#bump(stub);
      const remedy = `run "touch -a ${stub.path}" on the node, or restart libvirt without its cache`;
      const problem = `libvirt can't be told that "${emulator ?? ''}" changed: ${failure ?? ''}; ${remedy}`;
      this.#warn(`stub ${stub.path}`, failure === null ? null : problem, profile);
      if (failure !== null) return;
      logger.info('Libvirt will probe a profile again: its local emulator changed', {
        profile,
        stub: stub.path,
        emulator,
      });
    }
    this.#seen.set(stub.path, found);
  }

  /** @returns what is in the way, or null */
  async #bump({ path, info }: InstalledStub): Promise<string | null> {
    try {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      await using file = await fs.open(this.#options.hostRoot + path, flags);
      const { dev, ino } = await file.stat({ bigint: true });
      // Replaced meanwhile, and so newer than everything that was looked at.
      if (dev === info.dev && ino === info.ino) this.#options.libc.bumpChangeTime(file.fd);
      return null;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      if (hasCode(error, 'EROFS')) return 'its file system is read-only (EROFS)';
      if (hasCode(error, 'EPERM', 'EACCES')) return `its times can't be changed (${error.code})`;
      throw error;
    }
  }

  #warn(subject: string, problem: string | null, profile?: string): void {
    if (problem === null) this.#warnings.delete(subject);
    if (problem === null || this.#warnings.get(subject) === problem) return;
    this.#warnings.set(subject, problem);
    this.#options.logger.warn('Found a fault in a probe profile', { profile, problem });
  }
}
