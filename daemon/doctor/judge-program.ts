import { newFinding, type Finding } from './finding.ts';

/** A C program of the daemon. */
export interface ProgramEvidence {
  readonly path: string;
  /** Errno of what keeps it from being executed; null: nothing. */
  readonly fault: string | null;
  /** As of `uname -m`; null: no program. */
  readonly machine: string | null;
  /** Null: it does not say. */
  readonly version: string | null;
}

export function judgeProgram(
  { path, fault, machine, version }: ProgramEvidence,
  expected: { readonly machine: string; readonly version: string },
): Finding {
  const subject = path.slice(path.lastIndexOf('/') + 1);
  const remedy = 'install the package again, or build it with make -C stub, or correct "library-directory"';
  if (fault !== null)
    return newFinding('failure', `${path} can't be executed (${fault}): no VM can start`, {
      subject,
      remedy,
    });
  if (machine !== expected.machine)
    return newFinding(
      'failure',
      `${path} is for ${machine ?? 'no machine'}, and this node is ${expected.machine}`,
      {
        subject,
        remedy,
      },
    );
  if (version !== null && version !== expected.version)
    return newFinding('warning', `${path} is version ${version}, this is ${expected.version}`, {
      subject,
      remedy,
    });
  return newFinding('ok', path, { subject });
}
