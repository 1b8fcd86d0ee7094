import { isUtf8 } from 'node:buffer';

export type LauncherProgram = 'virt-launcher' | 'virt-launcher-monitor';

/** What a launcher's command line says. Anybody can write one: a filter for candidates, never a proof. */
export interface LauncherCommandLine {
  readonly program: LauncherProgram;
  readonly uuid?: string;
  readonly name?: string;
  readonly namespace?: string;
  /** The copy of itself that launchers up to KubeVirt 0.52 forked (`--no-fork`). */
  readonly noFork: boolean;
}

type Subject = 'uuid' | 'name' | 'namespace';

const subjects: ReadonlyMap<string, Subject> = new Map([
  ['uid', 'uuid'],
  ['kubevirt.vm.uuid', 'uuid'],
  ['name', 'name'],
  ['kubevirt.vm.name', 'name'],
  ['namespace', 'namespace'],
]);

/**
 * Reads `/proc/PID/cmdline` of a virt-launcher of any KubeVirt version. Elements are compared whole, so neither a
 * `grep` for the UUID nor a flag that merely contains it matches.
 *
 * @returns `null` for any other program, and for a command line that a launcher would not accept or that names two
 *   different UUIDs, names or namespaces.
 */
export function parseLauncherCommandLine(cmdline: Uint8Array): LauncherCommandLine | null {
  if (!isUtf8(cmdline)) return null;
  const [command = '', ...elements] = Buffer.from(cmdline).toString('utf8').replace(/\0$/, '').split('\0');
  const program = programOf(command);
  if (program === null) return null;

  const found = new Map<Subject, string>();
  let noFork = false;
  for (let index = 0; index < elements.length; index += 1) {
    const element = elements[index] ?? '';
    if (element === '--') break;
    const flag = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(element);
    if (flag === null) continue;

    const [, name = '', attached] = flag;
    if (name === 'no-fork') noFork = attached !== 'false';
    const subject = subjects.get(name);
    if (subject === undefined) continue;

    // Without `=` the value is the next element, whatever it looks like: that is how the launcher reads it.
    if (attached === undefined) index += 1;
    const value = attached ?? elements[index];
    if (value === undefined) return null;
    if ((found.get(subject) ?? value) !== value) return null;
    found.set(subject, value);
  }

  return {
    program,
    noFork,
    ...present(found, 'uuid'),
    ...present(found, 'name'),
    ...present(found, 'namespace'),
  };
}

function programOf(command: string): LauncherProgram | null {
  const program = command.slice(command.lastIndexOf('/') + 1);
  return program === 'virt-launcher' || program === 'virt-launcher-monitor' ? program : null;
}

/** An empty value says as little as a missing flag. */
function present(found: ReadonlyMap<Subject, string>, subject: Subject): Partial<Record<Subject, string>> {
  const value = found.get(subject);
  return value === undefined || value === '' ? {} : { [subject]: value };
}
