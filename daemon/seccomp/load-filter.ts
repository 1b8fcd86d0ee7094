import { readFile } from 'node:fs/promises';

import { ConfigError } from '../config/config-error.ts';
import { encodeBpf } from './bpf.ts';
import { compileFilter } from './compile-filter.ts';
import { defaultProfile } from './default-profile.ts';
import { parseProfile, ProfileError } from './parse-profile.ts';
import { resolveRules, type SyscallRules } from './resolve-rules.ts';
import { seccompMachine, type SeccompMachine } from './seccomp-machine.ts';
import type { SeccompProfile } from './seccomp-profile.ts';

/** What `seccomp` of the configuration says: a path is that of a profile. */
export type SeccompSetting = 'default' | 'unconfined' | { readonly path: string };

/** A filter as `seccomp(2)` takes it. */
export interface SeccompFilter {
  readonly flags: number;
  readonly program: Uint8Array;
}

export interface LoadedFilter {
  /** `null`: QEMU runs without a filter of ours. */
  readonly filter: SeccompFilter | null;
  /** For the administrator: where the filter does less than it seems to. */
  readonly warnings: readonly string[];
}

/** A filter without it would let no emulator start, and each launch would fail with a riddle. */
function checkExecution({ byNumber, otherwise }: SyscallRules, { architecture }: SeccompMachine): void {
  const rule = byNumber.get(architecture.numbers.get('execve') ?? -1);
  const actions =
    rule === undefined ? [otherwise] : [rule.otherwise, ...rule.cases.map(({ action }) => action)];
  if (actions.some(({ kind }) => kind === 'allow' || kind === 'log')) return;
  throw new ProfileError(['it does not allow execve, so no emulator could start; allow it']);
}

/** @throws ProfileError when it can't be had here */
export function filterOf(
  profile: SeccompProfile,
  machine: SeccompMachine,
): LoadedFilter & { readonly filter: SeccompFilter } {
  const rules = resolveRules(profile, machine);
  checkExecution(rules, machine);
  const { ineffective } = rules;
  try {
    const program = encodeBpf(compileFilter(rules, machine.architecture));
    const warnings =
      ineffective.length === 0 ? [] : [`It denies what is no system call here: ${ineffective.join(', ')}`];
    return { filter: { flags: profile.flags, program }, warnings };
  } catch (error) {
    throw error instanceof RangeError ? new ProfileError([error.message]) : error;
  }
}

async function readProfile(path: string): Promise<SeccompProfile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ProfileError([error instanceof Error ? error.message : String(error)]);
  }
  return parseProfile(text);
}

/** @throws ConfigError that names the profile and what is wrong with it */
export async function loadFilter(setting: SeccompSetting): Promise<LoadedFilter> {
  if (setting === 'unconfined')
    return {
      filter: null,
      warnings: ['QEMU runs without a seccomp filter of the pod: "seccomp" is unconfined'],
    };
  if (setting === 'default') return filterOf(defaultProfile, seccompMachine());
  try {
    return filterOf(await readProfile(setting.path), seccompMachine());
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    throw new ConfigError(
      setting.path,
      error.problems.map((text) => ({ line: null, text })),
      { cause: error },
    );
  }
}
