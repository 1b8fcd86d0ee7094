import type { LaunchMode } from '../../daemon/machines/machine.ts';

/** What is killed; `QEMU` is the process that becomes it, from its birth on. */
export const victims = ['daemon', 'shim', 'stub', 'target', 'QEMU'] as const;
export type Victim = (typeof victims)[number];

/** A step of a launch at which a process is killed. Of the daemon's steps: a `Transition`. */
export interface CrashPoint {
  readonly name: string;
  readonly mode: LaunchMode;
  /** Who stops itself there: the others go on as far as they get without it. */
  readonly stops: 'daemon' | 'shim' | 'stub' | 'QEMU';
  /** What there is then: who is not there can't be killed. */
  readonly present: readonly Victim[];
  /** Whether the VM comes to run, or runs on, when the daemon is killed here. */
  readonly outlivesDaemon: boolean;
  /** Whether QEMU is brought to its end, so that nothing can be left whoever is killed. */
  readonly isEnding: boolean;
  /** Whether the daemon knows, or the disk says, that QEMU runs: its end is told then, whatever comes. */
  readonly isKnown: boolean;
  /** Whether the daemon has told of the end, but not noted that: who follows it tells again. */
  readonly isTold: boolean;
}

type Traits = Partial<Pick<CrashPoint, 'outlivesDaemon' | 'isEnding' | 'isKnown' | 'isTold'>>;

function points(
  mode: LaunchMode,
  stops: CrashPoint['stops'],
  names: string,
  present: string,
  traits: Traits = {},
): readonly CrashPoint[] {
  const words = present.split(' ');
  return names.split(' ').map((name) => ({
    name,
    mode,
    stops,
    present: victims.filter((victim) => words.includes(victim)),
    outlivesDaemon: false,
    isEnding: false,
    isKnown: false,
    isTold: false,
    ...traits,
  }));
}

const goesOn: Traits = { outlivesDaemon: true };
const runs: Traits = { outlivesDaemon: true, isKnown: true };
const ends: Traits = { isEnding: true, isKnown: true };
const told: Traits = { ...ends, isTold: true };

/** All of them, in the order in which a launch comes by. */
export const crashPoints: readonly CrashPoint[] = [
  points(
    'fork',
    'daemon',
    'directory-made record-written record-renamed shim-cgroups-made shim-wanted',
    'daemon stub target',
  ),
  points('fork', 'shim', 'shim-born shim-listening fds-collected', 'daemon shim stub target', goesOn),
  points('fork', 'shim', 'child-forked', 'daemon shim stub target QEMU', goesOn),
  points(
    'fork',
    'QEMU',
    'child-born cgroups-joined namespaces-entered before-exec',
    'daemon shim stub target QEMU',
    goesOn,
  ),
  points('fork', 'shim', 'exec-seen started-written started-renamed', 'daemon shim stub target QEMU', goesOn),
  points('fork', 'shim', 'start-told-daemon start-told-stub', 'daemon shim stub target QEMU', runs),
  points('fork', 'daemon', 'shim-started start-heard', 'daemon shim stub target QEMU', runs),
  points('fork', 'shim', 'qemu-reaped exit-written exit-renamed', 'daemon shim stub target', ends),
  points('fork', 'shim', 'exit-told-stub', 'daemon shim target', ends),
  points('fork', 'shim', 'exit-told-daemon socket-removed', 'daemon shim target', told),
  points('fork', 'daemon', 'exit-told', 'daemon target', told),
  points('fork', 'daemon', 'record-removed shim-cgroups-removed directory-removed', 'daemon target', ends),

  points('exec', 'daemon', 'directory-made record-written record-renamed stub-moved', 'daemon stub target'),
  points('exec', 'stub', 'enter-received namespaces-entered before-exec', 'daemon stub target', goesOn),
  points('exec', 'daemon', 'stub-sent-in', 'daemon target QEMU', goesOn),
  points('exec', 'daemon', 'entry-seen started-written started-renamed', 'daemon target QEMU', runs),
  points('exec', 'daemon', 'exit-told', 'daemon target', told),
  points('exec', 'daemon', 'record-removed directory-removed', 'daemon target', ends),
].flat();

/** What must come of a launch in which this process is killed at this point; nobody: the point alone does no harm. */
export function outcomeOf(point: CrashPoint, victim: Victim | 'nobody'): 'running' | 'absent' {
  if (point.isEnding) return 'absent';
  return victim === 'nobody' || (victim === 'daemon' && point.outlivesDaemon) ? 'running' : 'absent';
}
