import type { ProcessIdentity } from './target.ts';

/** A process found in a container's cgroup. */
export interface ContainerProcess extends ProcessIdentity {
  /** The `NSpid` line of `/proc/PID/status`. */
  readonly nspid: readonly number[];
}

/**
 * The first process of a container among all that are in its cgroup.
 *
 * It is the oldest. Start times count in hundredths of a second, so a quick init and its child may share one; then pid
 * 1 of a PID namespace goes first, that of the outermost one if there are several (a nested namespace has a pid 1
 * too), then the lowest pid.
 *
 * @returns `null` when there are no processes.
 */
export function selectContainerInit<Process extends ContainerProcess>(
  processes: readonly Process[],
): Process | null {
  return processes.toSorted(compare)[0] ?? null;
}

function compare(a: ContainerProcess, b: ContainerProcess): number {
  return (
    a.startTime - b.startTime ||
    Number(isFirstOfNamespace(b)) - Number(isFirstOfNamespace(a)) ||
    a.nspid.length - b.nspid.length ||
    a.pid - b.pid
  );
}

function isFirstOfNamespace(process: ContainerProcess): boolean {
  return process.nspid.at(-1) === 1;
}
