import { uninstallStub, type Uninstallation } from '../install/uninstall-stub.ts';
import { libvirtHookPath, uninstallHook } from '../install/libvirt-hook.ts';
import type { CommandIo } from './command-io.ts';
import { reportProblem } from './install.ts';
import { absolutePath, placeOptions, placeUsage, readPlace } from './install-place.ts';
import { parseUsage } from './usage-error.ts';

const usage = `Usage: node-driver uninstall [OPTIONS]

Removes a stub that "node-driver install" has put there, and nothing else. Refuses
while VMs run by it.

Options:
${placeUsage}  --force            also while VMs run by it: they go on
  --hook DIR         also the hook in libvirt's directory DIR
  --json             print one line of JSON
  --help             print this text

Exit status: 0 removed or not there, 1 it can't be, 2 wrong usage

Example:
  node-driver uninstall --profile new
`;

/** `node-driver uninstall`. Returns the exit status. */
export async function uninstallCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('uninstall', {
    args: [...args],
    options: { ...placeOptions, force: { type: 'boolean', default: false }, hook: { type: 'string' } },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const place = readPlace('uninstall', values);
  const hooks = values.hook === undefined ? null : absolutePath('uninstall', 'hook', values.hook);
  return reportProblem('uninstall', values.json, io, () => {
    const stub = uninstallStub({ ...place, force: values.force });
    const isHookGone = hooks !== null && uninstallHook(hooks);
    const result = isHookGone ? { ...stub, removed: [...stub.removed, libvirtHookPath(hooks)] } : stub;
    io.stdout(values.json ? `${JSON.stringify(result)}\n` : format(result));
  });
}

function format({ emulator, removed }: Uninstallation): string {
  if (removed.length === 0) return `${emulator} is not installed\n`;
  return removed.map((path) => `${path} was removed\n`).join('');
}
