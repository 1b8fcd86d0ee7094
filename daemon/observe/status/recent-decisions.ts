import type { LaunchStepTime } from '../../machines/launch-step.ts';
import { launchSteps } from '../../machines/launch-step.ts';
import type { AuditRecord } from '../audit-record.ts';

/** More are not remembered. */
const MAX_DECISIONS = 50;

/** What came of one launch, or of several that were refused for the same reason. */
export interface RecentDecision {
  readonly launchId: string | null;
  readonly kind: 'launch' | 'secret check';
  /** `allowed`: it may start, and has not yet. */
  readonly result: 'started' | 'allowed' | 'refused';
  readonly code: string | null;
  /** What the caller was told, and never more: the detail is for the log. */
  readonly cause: string | null;
  readonly vm: { readonly uuid: string; readonly name: string | null } | null;
  readonly domain: string | null;
  readonly podUid: string | null;
  readonly at: Date;
  readonly seconds: number;
  readonly steps: readonly LaunchStepTime[];
  /** How often, since the first of them. */
  readonly times: number;
}

/** The last decisions, newest first. Refusals that are alike are one entry, so that a flood does not push out the others. */
export class RecentDecisions {
  #decisions: readonly RecentDecision[] = [];

  /** Takes what the audit log gets. */
  add(record: AuditRecord, at: Date): void {
    // Not about whether a VM may run, but it would take the place of that.
    if (record.event === 'signal') return;
    const decision = decisionOf(record, at);
    const same = this.#decisions.find((each) => isSame(each, decision));
    const rest = this.#decisions.filter((each) => each !== same);
    const isOutcome = decision.launchId !== null && same?.launchId === decision.launchId;
    const times = decision.times + (isOutcome ? 0 : (same?.times ?? 0));
    this.#decisions = [{ ...decision, times }, ...rest].slice(0, MAX_DECISIONS);
  }

  list(): readonly RecentDecision[] {
    return this.#decisions;
  }
}

function decisionOf(record: AuditRecord, at: Date): RecentDecision {
  const { launchId, code, cause, vm, domain, pod, seconds, steps = {}, suppressed } = record;
  const isDone = record.event !== 'launch';
  return {
    launchId,
    kind: record.event === 'validate-secret' ? 'secret check' : 'launch',
    result: record.decision === 'refused' ? 'refused' : isDone ? 'started' : 'allowed',
    code,
    cause,
    vm,
    domain,
    podUid: pod?.uid ?? null,
    at,
    seconds,
    steps: launchSteps.flatMap((step) => {
      const own = steps[step];
      return own === undefined ? [] : [{ step, seconds: own }];
    }),
    times: 1 + suppressed,
  };
}

/** The outcome of the same launch, or another refusal for the same reason. */
function isSame(a: RecentDecision, b: RecentDecision): boolean {
  if (a.launchId !== null && a.launchId === b.launchId) return true;
  if (a.result !== 'refused' || b.result !== 'refused' || a.kind !== b.kind) return false;
  return a.code === b.code && a.cause === b.cause && a.vm?.uuid === b.vm?.uuid && a.domain === b.domain;
}
