import type { Machine } from '../../machines/machine.ts';
import type { HealthReport } from '../health.ts';
import type { BuildInfo } from '../metrics.ts';
import type { RecentDecision } from './recent-decisions.ts';
import type { StatusCheck } from './status-check.ts';

/** All that the status page tells, at one moment. */
export interface StatusSnapshot {
  readonly now: Date;
  /** Of the node. */
  readonly host: string;
  readonly build: BuildInfo;
  /** When the daemon started. */
  readonly startedAt: Date;
  readonly ready: HealthReport;
  /** Oldest first. */
  readonly machines: readonly Machine[];
  /** Newest first. */
  readonly decisions: readonly RecentDecision[];
  readonly checks: readonly StatusCheck[];
}
