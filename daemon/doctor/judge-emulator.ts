import { judgeStub } from '../profiles/judge-stub.ts';
import { shellQuote } from '../shell-quote.ts';
import { newFinding, type Finding } from './finding.ts';

/** What is behind the link `local` of a profile. */
export interface EmulatorEvidence {
  readonly profile: string;
  /** Path of the link. */
  readonly local: string;
  /** Path of the file behind it, or the name of the errno that kept from it. */
  readonly found: { readonly path: string; readonly isProgram: boolean; readonly isStub: boolean } | string;
  /** Latest ctime of the way there, in nanoseconds. */
  readonly changedAt: bigint;
  readonly stubs: readonly { readonly path: string; readonly changedAt: bigint }[];
  /** Emulators of the node that `local` could lead to. */
  readonly candidates: readonly string[];
  readonly now: bigint;
}

export function judgeEmulator(evidence: EmulatorEvidence): Finding {
  const { profile: subject, local, found, candidates, stubs } = evidence;
  const [candidate] = candidates;
  const advice =
    candidate === undefined
      ? { subject, remedy: `make ${local} a link to the emulator that answers libvirt's probes` }
      : { subject, command: `ln -sfn ${shellQuote(candidate)} ${shellQuote(local)}` };
  if (typeof found === 'string')
    return newFinding(
      'failure',
      `there is no emulator behind ${local} (${found}): libvirt's probes fail`,
      advice,
    );
  if (found.isStub)
    return newFinding('failure', `${local} leads to a stub, ${found.path}, which would probe itself`, advice);
  if (!found.isProgram)
    return newFinding(
      'failure',
      `${local} leads to ${found.path}, which is no program: libvirt's probes fail`,
      advice,
    );
  const stale = stubs.filter(
    ({ changedAt }) =>
      judgeStub({ stub: changedAt, emulator: evidence.changedAt, now: evidence.now, isChanged: false }) ===
      'bump',
  );
  if (stale.length > 0)
    return newFinding(
      'warning',
      `${found.path} is not older than the stub: libvirt may go on with what it learned of another one`,
      {
        subject,
        command: `touch -a ${stale.map(({ path }) => shellQuote(path)).join(' ')}`,
      },
    );
  return newFinding('ok', `${local} leads to ${found.path}`, { subject });
}
