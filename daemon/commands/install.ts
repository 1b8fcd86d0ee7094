import path from 'node:path';

import { InstallProblem, type Problem } from '../install/install-problem.ts';
import { installStub, type Installation } from '../install/install-stub.ts';
import { libvirtHookPath, installHook, type HookState } from '../install/libvirt-hook.ts';
import { findPackageRoot } from '../package-root.ts';
import { quoteText } from '../quote-text.ts';
import type { CommandIo } from './command-io.ts';
import { absolutePath, placeOptions, placeUsage, readPlace } from './install-place.ts';
import { parseUsage, UsageError } from './usage-error.ts';
import { readVersion } from './version.ts';

const usage = `Usage: node-driver install [OPTIONS]

Installs the stub that domains name as their <emulator>, and beside it the link
to the emulator that answers libvirt's probes. A stub that is there and the same
is left alone; another one is replaced by a rename, and VMs that run go on.

Options:
${placeUsage}  --mode fork|exec   which stub, by default that of fork mode
  --setuid           make it setuid root, for a group alone; exec mode needs it
  --group NAME|GID   that group, by default the one of the node's qemu user.
                     Without --setuid: for this group alone, by default for all
  --local PATH       the emulator that answers probes, by default /usr/bin/ and
                     the name of --emulator
  --local-elsewhere  that is a path of libvirt's container: don't look for it
  --hook DIR         also install a hook into libvirt's directory DIR, such as
                     /etc/libvirt/hooks, that refuses domains of pods with
                     another emulator. A libvirt that had no hooks when it
                     started must be started again
  --program FILE     another stub than the one that comes with this program
  --json             print one line of JSON
  --help             print this text

Exit status: 0 installed or there already, 1 it can't be, 2 wrong usage

Example:
  node-driver install --setuid --profile new --local /opt/qemu/bin/qemu-system-x86_64
`;

/** `node-driver install`. Returns the exit status. */
export async function installCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('install', {
    args: [...args],
    options: {
      ...placeOptions,
      mode: { type: 'string', default: 'fork' },
      setuid: { type: 'boolean', default: false },
      group: { type: 'string' },
      local: { type: 'string' },
      'local-elsewhere': { type: 'boolean', default: false },
      hook: { type: 'string' },
      program: { type: 'string' },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const place = readPlace('install', values);
  const { mode, setuid, group = null, json } = values;
  if (mode !== 'fork' && mode !== 'exec')
    throw new UsageError(`Cannot run install: --mode is fork or exec, not ${quoteText(mode)}`);
  if (mode === 'exec' && !setuid)
    throw new UsageError('Cannot run install: a stub of exec mode enters pods as root; say --setuid, too');
  if (group !== null && !/^[\w.-]+$/u.test(group))
    throw new UsageError(`Cannot run install: ${quoteText(group)} can't be a group; give a name or a number`);
  const hooks = values.hook === undefined ? null : absolutePath('install', 'hook', values.hook);
  const name = mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube';
  return reportProblem('install', json, io, () => {
    const installation = installStub({
      ...place,
      program: values.program ?? path.join(findPackageRoot(), 'stub/build', name),
      version: readVersion().version,
      mode,
      setuid,
      group,
      local: absolutePath('install', 'local', values.local ?? `/usr/bin/${place.emulator}`),
      localElsewhere: values['local-elsewhere'],
    });
    const hook = hooks === null ? null : putHook(hooks, place.nodeTarget);
    if (json) io.stdout(`${JSON.stringify({ ...installation, ...(hook !== null && { hook }) })}\n`);
    else
      io.stdout(
        format(installation) + (hooks === null ? '' : `${libvirtHookPath(hooks)} is ${hook ?? ''}\n`),
      );
  });
}

function putHook(hooks: string, emulators: string): HookState {
  const script = path.join(findPackageRoot(), 'deploy/libvirt/hooks/qemu');
  return installHook({ script, hooks, emulators });
}

/** Runs what may fail with a problem, and tells that in the way that was asked for. Gives the exit status. */
export async function reportProblem(
  command: string,
  json: boolean,
  io: CommandIo,
  run: () => Promise<void> | void,
): Promise<number> {
  try {
    await run();
    return 0;
  } catch (error) {
    if (!(error instanceof InstallProblem)) throw error;
    if (json) io.stdout(`${JSON.stringify({ problem: toJson(error) })}\n`);
    else io.stderr(`Cannot ${command}: ${error.message}\n`);
    return 1;
  }
}

function toJson({ code, cause, remedy }: Problem): Problem {
  return { code, cause, remedy };
}

function format({ emulator, stub, local, warnings }: Installation): string {
  const lines = [
    stub === 'unchanged' ? `${emulator} is up to date` : `${emulator} was ${stub}`,
    ...(local === 'unchanged' ? [] : [`its link "local" was ${local === 'linked' ? 'made' : 'replaced'}`]),
    ...warnings.map(({ cause, remedy }) => `Warning: ${cause}; ${remedy}`),
  ];
  return `${lines.join('\n')}\n`;
}
