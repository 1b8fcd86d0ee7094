import type { LaunchQuestion } from '../launch/launch-explainer.ts';
import { Secret } from '../secret/secret.ts';
import type { ExplainLaunchRequestOutput } from './proto-types.ts';

/** What libvirt would hand to the stub, as far as it is asked about. */
export function launchQuestion({ vm, domain, secret, emulator }: ExplainLaunchRequestOutput): LaunchQuestion {
  const environment = [
    ...(vm !== null && vm.uuid !== '' ? [`KUBEVIRT_IO_VM_UUID=${vm.uuid}`] : []),
    ...(vm !== null && vm.name !== '' ? [`KUBEVIRT_IO_VM_NAME=${vm.name}`] : []),
  ];
  const own = [
    ...(domain !== null && domain.uuid !== '' ? ['-uuid', domain.uuid] : []),
    // A comma within a value is doubled.
    ...(domain !== null && domain.name !== '' ? ['-name', `guest=${domain.name.replaceAll(',', ',,')}`] : []),
  ];
  const shown = secret === '' ? null : Secret.fromText(secret);
  return {
    environment,
    arguments: ['qemu', ...own],
    secret: shown === null || shown.isEmpty ? null : shown,
    emulator: emulator.startsWith('/') ? emulator : null,
  };
}
