import type { LauncherCommandLine } from './launcher-command-line.ts';
import type { VmIdentity } from './target.ts';

/**
 * Whether a launcher is one for the VM that a caller means.
 *
 * The UUID must be equal where the launcher has one. Launchers before KubeVirt 0.9 have none: they match by name alone,
 * and only a caller that gives a name. A name must agree wherever both sides have one; the caller's may be that of the
 * libvirt domain, which KubeVirt builds as `NAMESPACE_NAME`.
 */
export function matchesVm(launcher: LauncherCommandLine, vm: VmIdentity): boolean {
  if (launcher.uuid !== undefined && launcher.uuid !== vm.uuid) return false;
  if (launcher.name === undefined || vm.name === undefined) return launcher.uuid !== undefined;
  return nameForms(launcher.name, launcher.namespace).includes(vm.name);
}

function nameForms(name: string, namespace: string | undefined): readonly string[] {
  return namespace === undefined ? [name] : [name, `${namespace}_${name}`, `${namespace}/${name}`];
}
