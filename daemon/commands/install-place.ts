import os from 'node:os';

import { isProfileName } from '../config/profile-config.ts';
import { quoteText } from '../quote-text.ts';
import { UsageError } from './usage-error.ts';

/** Options that `install` and `uninstall` have in common, for `parseArgs`. */
export const placeOptions = {
  profile: { type: 'string', default: 'default' },
  emulator: { type: 'string', default: `qemu-system-${os.machine()}` },
  target: { type: 'string', default: '/usr/local/lib/kubevirt-node-driver/emulators' },
  'node-target': { type: 'string' },
  proc: { type: 'string', default: '/proc' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Their text in the help. */
export const placeUsage = `  --profile NAME     the probe profile, by default "default"
  --emulator NAME    name of a real emulator that the stub gets, by default
                     qemu-system-${os.machine()}
  --target DIR       directory of all profiles, by default
                     /usr/local/lib/kubevirt-node-driver/emulators
  --node-target DIR  how the node calls that directory, where this runs in a
                     container; by default the same
  --proc DIR         the node's /proc, by default /proc
`;

interface PlaceValues {
  readonly profile: string;
  readonly emulator: string;
  readonly target: string;
  readonly 'node-target'?: string | undefined;
  readonly proc: string;
}

/** Where a stub is to be, or is. */
export interface InstallPlace {
  readonly profile: string;
  readonly emulator: string;
  readonly target: string;
  readonly nodeTarget: string;
  readonly proc: string;
}

/** @throws UsageError for what can be no name or path */
export function readPlace(command: string, values: PlaceValues): InstallPlace {
  const { profile, emulator, proc } = values;
  const target = absolutePath(command, 'target', values.target);
  if (!isProfileName(profile))
    throw new UsageError(
      `Cannot run ${command}: ${quoteText(profile)} can't be a profile; a name is 1 to 31 of a-z, 0-9 and -`,
    );
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/u.test(emulator) || emulator === 'local')
    throw new UsageError(
      `Cannot run ${command}: ${quoteText(emulator)} can't be an emulator; give a file name, e.g. qemu-system-x86_64`,
    );
  const nodeTarget = absolutePath(command, 'node-target', values['node-target'] ?? target);
  return { profile, emulator, target, nodeTarget, proc: absolutePath(command, 'proc', proc) };
}

/** Without a slash at its end. @throws UsageError */
export function absolutePath(command: string, option: string, path: string): string {
  if (path.startsWith('/') && !/[\p{C}]/u.test(path)) return path.replace(/(?<=.)\/+$/u, '');
  throw new UsageError(`Cannot run ${command}: --${option} must be an absolute path, not ${quoteText(path)}`);
}
