import { randomUUID } from 'node:crypto';

import { Refusal } from '../errors.ts';
import type { LaunchMode } from '../machines/machine.ts';
import { auditChecks, type AuditCheck, type AuditVerdict } from '../observe/audit-record.ts';
import type { VmIdentity } from '../target/target.ts';
import { ProtocolError } from './protocol-error.ts';
import { StepClock } from './step-clock.ts';

/** What is found out about one launch on its way, for who asks afterwards why it was allowed or refused. */
export class AuditTrail {
  readonly launchId = randomUUID();
  vm: VmIdentity | null = null;
  pod: { readonly podUid: string | null; readonly containerId: string | null } | null = null;
  mode: LaunchMode | null = null;
  /** Once it has been noted that the launch is allowed, what follows is its outcome. */
  isAllowed = false;
  /** What Kubernetes said; `null` where it was not asked, or has not answered yet. */
  kubernetes: 'ok' | 'unavailable' | null = null;
  readonly clock: StepClock;
  #current: AuditCheck = 'caller';

  /** @param begin milliseconds of the monotonic clock */
  constructor(begin = performance.now()) {
    this.clock = new StepClock(begin);
  }

  /** From here on it is this that is looked at: what comes before it is passed. */
  enter(check: AuditCheck): void {
    this.#current = check;
  }

  /** What was passed so far, when the launch is allowed. */
  get passed(): readonly AuditVerdict[] {
    return auditChecks.slice(0, auditChecks.indexOf(this.#current)).flatMap((check) => {
      const verdict = check === 'kubernetes' ? this.kubernetes : 'ok';
      return verdict === null ? [] : [{ check, verdict }];
    });
  }

  /** What was passed, and what was not. */
  endedBy(error: unknown): readonly AuditVerdict[] {
    // Some of what is asked of a caller is only known once its request is.
    if (error instanceof Refusal && error.code === 'caller-not-allowed') this.#current = 'caller';
    // Pod and secret are looked at in one go, and a token is claimed last of all.
    const isLater = this.#current === 'target' || this.#current === 'running';
    if (isLater && error instanceof Refusal && error.code.startsWith('secret-')) this.#current = 'secret';
    // A token that Kubernetes has to look at is a secret, too.
    const isTokenUnseen = error instanceof Refusal && error.code === 'kubernetes-unavailable';
    if (this.#current === 'target' && isTokenUnseen) this.#current = 'secret';
    return [...this.passed, { check: this.#current, verdict: isFault(error) ? 'failed' : 'refused' }];
  }
}

function isFault(error: unknown): boolean {
  return error instanceof Refusal ? error.code === 'internal' : !(error instanceof ProtocolError);
}
