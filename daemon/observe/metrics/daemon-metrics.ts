import { Counter, Gauge, type Registry } from 'prom-client';

import { labelledCounter } from './labelled-counter.ts';
import { prefix } from './prefix.ts';

const sockets = ['launch', 'api'] as const;

export interface BuildInfo {
  readonly version: string;
  /** Empty when unknown. */
  readonly commit: string;
  readonly nodeVersion: string;
}

/** What becomes of the daemon itself. */
export interface DaemonMetrics {
  auditLineLost(): void;
  peerRejected(socket: (typeof sockets)[number]): void;
  brokerRestarted(): void;
  /** Where it comes from whether the daemon serves; asked at every scrape. */
  askReady(source: () => boolean): void;
}

export function createDaemonMetrics(registers: Registry[], build: BuildInfo): DaemonMetrics {
  let isReady: () => boolean = () => false;

  new Gauge({
    name: `${prefix}ready`,
    help: 'Whether the daemon serves launches and the API: what /readyz says.',
    registers,
    collect(): void {
      this.set(isReady() ? 1 : 0);
    },
  });

  const lost = new Counter({
    name: `${prefix}audit_lines_lost_total`,
    help: 'Lines that could not be written to the audit log.',
    registers,
  });

  const rejected = labelledCounter({
    name: 'peers_rejected_total',
    help: 'Connections that were closed because of who made them or because there were too many, by socket.',
    label: 'socket',
    values: sockets,
    registers,
  });

  const restarts = new Counter({
    name: `${prefix}broker_restarts_total`,
    help: 'How often the broker, the process that reads in pods and starts supervisors, ended and was started again.',
    registers,
  });

  new Gauge({
    name: `${prefix}build_info`,
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'commit', 'node_version'] as const,
    registers,
  }).set({ version: build.version, commit: build.commit, node_version: build.nodeVersion }, 1);

  return {
    auditLineLost: () => lost.inc(),
    peerRejected: rejected,
    brokerRestarted: () => restarts.inc(),
    askReady(source): void {
      isReady = source;
    },
  };
}
