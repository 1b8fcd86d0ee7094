import { quoteText } from '../quote-text.ts';
import type { LauncherCommandLine } from './launcher-command-line.ts';
import { matchesVm } from './matches-vm.ts';
import type { VmIdentity } from './target.ts';

/**
 * Why a launcher that looks like one of the VM is none: a clause that follows "process N ". For people alone: what
 * matches is for `matchesVm` to say.
 *
 * @returns null for one of the VM, and for one that is plainly another VM's
 */
export function nearLauncher(launcher: LauncherCommandLine, vm: VmIdentity): string | null {
  if (matchesVm(launcher, vm)) return null;
  const { uuid, name } = launcher;
  if (uuid === vm.uuid)
    return `has the uuid, but its name is ${quoteText(name ?? '')}, not ${quoteText(vm.name ?? '')}`;
  if (uuid !== undefined && plain(uuid) === plain(vm.uuid))
    return `has the uuid ${quoteText(uuid)}, which differs in case or dashes`;
  if (uuid === undefined && vm.name === undefined) return 'names no uuid, and is found by a name alone';
  if (name === undefined || vm.name === undefined) return null;
  const isNamed = matchesVm({ ...launcher, uuid: vm.uuid }, vm);
  if (!isNamed) return null;
  return uuid === undefined
    ? 'names no uuid'
    : `has the name, but its uuid is ${quoteText(uuid)}, not ${quoteText(vm.uuid)}`;
}

function plain(uuid: string): string {
  return uuid.replaceAll('-', '').toLowerCase();
}
