import { Refusal, type RefusalCode } from '../errors.ts';
import type { LaunchStepTime } from '../machines/launch-step.ts';
import { auditPod, auditText, auditVm, type AuditCaller, type AuditRecord } from '../observe/audit-record.ts';
import type { Logger } from '../observe/logger.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PodEvents } from '../kubernetes/pod-events.ts';
import { errorFields } from '../observe/logger.ts';
import type { Caller, PinnedCaller } from './caller.ts';
import type { LaunchConnection } from './launch-connection.ts';
import type { LaunchResult } from './launch-controller.ts';
import { Limited } from './launch-limits.ts';
import { LineLimits } from './line-limits.ts';
import { oneLine } from './one-line.ts';
import { ProtocolError } from './protocol-error.ts';

/** Of a text in the log: what a person reads of it. */
const LONGEST_TEXT = 1024;

type LaunchMetrics = Pick<Metrics, 'launchStarted' | 'launchRefused' | 'launchLimited' | 'peerRejected'>;

/** What is known of a launch, whatever came of it. */
export type ObservedLaunch = Pick<LaunchConnection, 'domain' | 'origin' | 'trail' | 'seconds'>;

export interface LaunchObserverOptions {
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: LaunchMetrics;
  /** Writes to the audit log; throws where what is not noted may not be. */
  readonly audit: (record: AuditRecord) => void;
  /** Tells the owners of pods; `null`: nobody does. */
  readonly pods: Pick<PodEvents, 'started' | 'refused'> | null;
}

/** Tells log, audit log and metrics how launches went. */
export class LaunchObserver {
  readonly #options: LaunchObserverOptions;
  readonly #lines = new LineLimits();

  constructor(options: LaunchObserverOptions) {
    this.#options = options;
  }

  /**
   * All that stands before a launch is passed; nothing has been started yet.
   *
   * @throws Refusal `audit-failed` when that must be noted, and can't
   */
  allowed(launch: ObservedLaunch, caller: Caller): void {
    try {
      this.#options.audit({ ...recordOf(launch, caller), checks: launch.trail.passed });
    } catch (error) {
      throw new Refusal(
        'audit-failed',
        'Cannot start the VM: the audit log of the node cannot be written',
        'make room for it, or see the log of the node driver',
        { cause: error, detail: error instanceof Error ? error.message : String(error) },
      );
    }
  }

  finished({ machine, started, failure }: LaunchResult, launch: ObservedLaunch, caller: Caller): void {
    const { logger, metrics, pods } = this.#options;
    const seconds = launch.seconds(performance.now());
    const fields = {
      launchId: machine.launchId,
      vmUuid: machine.vm.uuid,
      podUid: machine.podUid,
      containerId: machine.containerId,
      qemuPid: machine.qemu?.pid,
      ...callerFields(caller),
      seconds,
      steps: launch.trail.clock.stop().map(stepText),
    };
    const outcome = {
      ...recordOf(launch, caller),
      event: 'outcome',
      qemuPid: machine.qemu?.pid ?? null,
    } as const;
    if (started) {
      metrics.launchStarted(machine.mode, seconds, launch.trail.clock.stop());
      logger.info('Started a VM in its pod', fields);
      const checks = [...launch.trail.passed, { check: 'started', verdict: 'ok' } as const];
      this.#note({ ...outcome, checks });
      pods?.started(machine.podUid, machine.vm);
    } else {
      metrics.launchRefused('launch-failed', seconds);
      const error = new Refusal('launch-failed', failure ?? '', '');
      const checks = launch.trail.endedBy(error);
      const cause = oneLine(error.message);
      pods?.refused(machine.podUid, { code: error.code, line: cause });
      logger.warn('Refused a launch', {
        ...fields,
        reason: error.code,
        checks: checks.map(verdictText),
        cause,
      });
      this.#note({ ...outcome, decision: 'refused', code: error.code, cause: auditText(cause), checks });
    }
  }

  /** A process called again and again, and was shut out without a word. */
  repeated(): void {
    const { metrics } = this.#options;
    metrics.launchLimited('rate');
    metrics.peerRejected('launch');
  }

  /** A connection came to nothing before anybody could be answered on it. */
  lost(error: unknown): void {
    const { logger, metrics } = this.#options;
    metrics.peerRejected('launch');
    const suppressed = this.#lines.take('lost', '');
    if (suppressed !== null)
      logger.error('Failed to take a connection of a stub', { ...errorFields(error), suppressed });
  }

  refused(error: unknown, launch: ObservedLaunch, caller: Caller | PinnedCaller | null): void {
    const { logger, metrics, pods } = this.#options;
    const seconds = launch.seconds(performance.now());
    const steps = launch.trail.clock.stop();
    const reason = reasonOf(error);
    metrics.launchRefused(reason, seconds);
    if (error instanceof Limited) metrics.launchLimited(error.kind);
    // Turned away for who they are or because there are too many: before anything was read from them.
    if (reason === 'caller-not-allowed' || (caller === null && reason === 'busy'))
      metrics.peerRejected('launch');
    if (error instanceof Refusal)
      pods?.refused(launch.trail.pod?.podUid ?? error.podUid, { code: reason, line: oneLine(error.line) });
    const { trail, domain, origin } = launch;
    // Who has shown the right secret is no stranger, and each decision about a pod is told.
    const suppressed = trail.pod === null ? this.#lines.take(reason, origin) : 0;
    if (suppressed === null) return;
    const checks = trail.endedBy(error);
    const cause = shortLine(error instanceof Error ? error.message : '');
    const detail = error instanceof Refusal && error.detail !== null ? shortLine(error.detail) : null;
    const fields = {
      launchId: trail.launchId,
      reason,
      checks: checks.map(verdictText),
      ...(suppressed > 0 && { suppressed }),
      vmUuid: trail.vm?.uuid,
      podUid: trail.pod?.podUid,
      domain: domain === null ? undefined : oneLine(domain),
      ...(caller !== null && callerFields(caller)),
      seconds,
      steps: steps.map(stepText),
    };
    if (reason === 'internal') logger.error('Failed to launch', { ...fields, ...errorFields(error) });
    else logger.warn('Refused a launch', { ...fields, cause, ...(detail !== null && { detail }) });
    this.#note({
      ...recordOf(launch, caller),
      event: trail.isAllowed ? 'outcome' : 'launch',
      decision: 'refused',
      code: reason,
      cause: reason === 'internal' ? null : auditText(cause),
      detail: detail === null ? null : auditText(detail),
      checks,
      suppressed,
    });
  }

  /** What was refused stays refused, noted or not. */
  #note(record: AuditRecord): void {
    try {
      this.#options.audit(record);
    } catch {
      // The log has been told.
    }
  }
}

/** As of a launch that is allowed. */
function recordOf(launch: ObservedLaunch, caller: Caller | PinnedCaller | null): AuditRecord {
  const { trail, domain } = launch;
  const { launchId, vm, pod, mode } = trail;
  return {
    event: 'launch',
    decision: 'allowed',
    launchId: auditText(launchId),
    code: null,
    cause: null,
    detail: null,
    checks: [],
    caller: caller === null ? null : auditCaller(caller),
    vm: auditVm(vm),
    domain,
    pod: auditPod(pod),
    mode,
    qemuPid: null,
    seconds: launch.seconds(performance.now()),
    steps: Object.fromEntries(trail.clock.times.map(({ step, seconds }) => [step, seconds])),
    suppressed: 0,
  };
}

function shortLine(text: string): string {
  return oneLine(auditText(text, LONGEST_TEXT));
}

function auditCaller(caller: Caller | PinnedCaller): AuditCaller {
  const { credentials, process } = caller;
  const who = { uid: credentials.uid, gid: credentials.gid, pid: process.pid };
  if (!('identity' in caller)) return who;
  const { identity, executable } = caller;
  return {
    ...who,
    startTime: identity.startTime,
    ...(executable !== null && {
      device: auditText(String(executable.device)),
      inode: auditText(String(executable.inode)),
    }),
  };
}

function callerFields({ credentials, process }: PinnedCaller): { callerPid: number; callerUid: number } {
  return { callerPid: process.pid, callerUid: credentials.uid };
}

/** In milliseconds: for people. */
function stepText({ step, seconds }: LaunchStepTime): string {
  return `${step} ${(seconds * 1000).toFixed(1)}`;
}

function verdictText({ check, verdict }: AuditRecord['checks'][number]): string {
  return `${check} ${verdict}`;
}

function reasonOf(error: unknown): RefusalCode {
  if (error instanceof Refusal) return error.code;
  return error instanceof ProtocolError ? 'protocol' : 'internal';
}
