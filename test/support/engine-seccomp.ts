import { existsSync, readFileSync } from 'node:fs';

/** Of Debian's package golang-github-containers-common: what Podman gives each container. */
const path = '/usr/share/containers/seccomp.json';

interface EngineCondition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

interface EngineEntry {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly object[] | null;
  readonly includes?: EngineCondition | null;
  readonly excludes?: EngineCondition | null;
}

/** The container engines' default as `linux.seccomp` for a container with these capabilities; null: it is not installed. */
export function readEngineSeccomp(capabilities: readonly string[] = []): object | null {
  if (!existsSync(path)) return null;
  const goName = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const profile = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly defaultAction: string;
    readonly defaultErrnoRet: number;
    readonly syscalls: readonly EngineEntry[];
  };
  const has = (name: string): boolean => capabilities.includes(name);
  const isFor = ({ includes, excludes }: EngineEntry): boolean =>
    (includes?.caps ?? []).every(has) &&
    !(excludes?.caps ?? []).some(has) &&
    (includes?.arches ?? [goName]).includes(goName);
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64'],
    syscalls: profile.syscalls
      .filter(isFor)
      .map(({ names, action, errnoRet, args }) => ({ names, action, errnoRet, args: args ?? [] })),
  };
}
