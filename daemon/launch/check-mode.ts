import { Refusal } from '../errors.ts';
import type { LaunchMode } from '../machines/machine.ts';
import type { Caller } from './caller.ts';
import { keyOf, type AppliedSettings } from './stub-settings.ts';

/** @throws Refusal where the caller's stub is not for the mode that it asks for */
export function checkMode(
  asked: LaunchMode,
  { mode, profile }: Pick<AppliedSettings, 'mode' | 'profile'>,
  { connectedAs }: Pick<Caller, 'connectedAs'>,
): void {
  if (asked !== mode)
    throw new Refusal(
      'launch-failed',
      `Cannot launch in ${asked} mode: ${profile === null ? 'this node' : `profile "${profile}"`} is configured for ${mode} mode`,
      `install "${mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube'}" as the emulator, or set ` +
        `"${keyOf(profile, 'mode')} = ${asked}" in qemu-kube.conf`,
    );
  // A stub that is not root cannot enter a pod, so it is none of ours: it would only be moved into the pod's cgroups.
  if (asked === 'exec' && connectedAs !== 0)
    throw new Refusal(
      'caller-not-allowed',
      `Cannot launch in exec mode: the caller connected as uid ${connectedAs}, and only root can enter a pod`,
      'install "qemu-kube-exec" setuid root where neither nosuid nor no_new_privs takes the bit away, or use fork mode',
    );
}
