import { Refusal, type RefusalCode } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import type { Metrics } from '../observe/metrics.ts';
import { errorFields } from '../observe/logger.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { Caller } from './caller.ts';
import type { LaunchResult } from './launch-controller.ts';
import { Limited } from './launch-limits.ts';
import { oneLine } from './one-line.ts';
import { ProtocolError } from './protocol-error.ts';

/** Of one reason: a flood must not fill the log, and with it the disk. */
const LINES = { perSecond: 10, burst: 200, now: () => performance.now() } as const;

type LaunchMetrics = Pick<Metrics, 'launchStarted' | 'launchRefused' | 'launchLimited' | 'peerRejected'>;

/** Tells log and metrics how launches went. */
export class LaunchObserver {
  readonly #logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly #metrics: LaunchMetrics;
  readonly #lines = new Map<RefusalCode, { readonly bucket: TokenBucket; suppressed: number }>();

  constructor(logger: Pick<Logger, 'info' | 'warn' | 'error'>, metrics: LaunchMetrics) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** How many lines of this kind were left out since the last; `null`: leave this one out, too. */
  #takeLine(reason: RefusalCode): number | null {
    const lines = this.#lines.get(reason) ?? { bucket: new TokenBucket(LINES), suppressed: 0 };
    this.#lines.set(reason, lines);
    if (!lines.bucket.take()) {
      lines.suppressed++;
      return null;
    }
    const { suppressed } = lines;
    lines.suppressed = 0;
    return suppressed;
  }

  finished({ machine, started, failure }: LaunchResult, seconds: number): void {
    const fields = {
      launchId: machine.launchId,
      vmUuid: machine.vm.uuid,
      podUid: machine.podUid,
      containerId: machine.containerId,
      qemuPid: machine.qemu?.pid,
      seconds,
    };
    if (started) {
      this.#metrics.launchStarted(seconds);
      this.#logger.info('Started a VM in its pod', fields);
    } else {
      this.#metrics.launchRefused('launch-failed', seconds);
      this.#logger.warn('Refused a launch', {
        ...fields,
        reason: 'launch-failed',
        cause: oneLine(failure ?? ''),
      });
    }
  }

  /** A process called again and again, and was shut out without a word. */
  repeated(): void {
    this.#metrics.launchLimited('rate');
    this.#metrics.peerRejected('launch');
  }

  /** @param domain name of libvirt's domain, as far as it is known */
  refused(error: unknown, caller: Caller | null, seconds: number, domain: string | null = null): void {
    const reason = reasonOf(error);
    this.#metrics.launchRefused(reason, seconds);
    if (error instanceof Limited) this.#metrics.launchLimited(error.kind);
    // Turned away for who they are or because there are too many: before anything was read from them.
    if (caller === null && (reason === 'caller-not-allowed' || reason === 'busy'))
      this.#metrics.peerRejected('launch');
    const suppressed = this.#takeLine(reason);
    if (suppressed === null) return;
    const fields = {
      reason,
      ...(suppressed > 0 && { suppressed }),
      domain: domain === null ? undefined : oneLine(domain),
      callerPid: caller?.identity.pid,
      callerUid: caller?.credentials.uid,
      seconds,
    };
    if (reason === 'internal') this.#logger.error('Failed to launch', { ...fields, ...errorFields(error) });
    else
      this.#logger.warn('Refused a launch', {
        ...fields,
        cause: oneLine(error instanceof Error ? error.message : ''),
        ...detailOf(error),
      });
  }
}

function detailOf(error: unknown): { readonly detail?: string } {
  return error instanceof Refusal && error.detail !== null ? { detail: oneLine(error.detail) } : {};
}

function reasonOf(error: unknown): RefusalCode {
  if (error instanceof Refusal) return error.code;
  return error instanceof ProtocolError ? 'protocol' : 'internal';
}
