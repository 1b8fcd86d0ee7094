import os from 'node:os';

import type { Config } from './config/config.ts';
import type { MachineRegistry } from './machines/machine-registry.ts';
import type { Health } from './observe/health.ts';
import type { BuildInfo } from './observe/metrics.ts';
import { CachedChecks } from './observe/status/cached-checks.ts';
import type { RecentDecisions } from './observe/status/recent-decisions.ts';
import type { RunStatusChecks, StatusCheck } from './observe/status/status-check.ts';
import { createStatusSite, type StatusSite } from './observe/status/status-site.ts';

/** The checks read files all over the node: not for each look. */
const CHECKS_FRESH_MS = 30_000;

export interface NodeStatusOptions {
  readonly config: Pick<Config, 'httpAddress' | 'statusPage' | 'kubernetesNode'>;
  readonly build: BuildInfo;
  readonly health: Health;
  readonly registry: Pick<MachineRegistry, 'list'>;
  readonly decisions: Pick<RecentDecisions, 'list'>;
  /** What there is to look at besides what `/readyz` says. */
  readonly runChecks: RunStatusChecks;
}

/** The status page of this node; `null` where the configuration wants none. */
export function createNodeStatus(options: NodeStatusOptions): StatusSite | null {
  const { config, build, health, registry, decisions, runChecks } = options;
  if (!config.statusPage) return null;
  const startedAt = new Date();
  const host = config.kubernetesNode ?? process.env['NODE_NAME'] ?? os.hostname();
  const checks = new CachedChecks({ run: runChecks, freshMs: CHECKS_FRESH_MS, now: () => performance.now() });
  return createStatusSite({
    hostNames: [host, os.hostname(), config.httpAddress?.host ?? ''],
    snapshot: async () => ({
      now: new Date(),
      host,
      build,
      startedAt,
      ready: health.ready(),
      machines: registry.list(),
      decisions: decisions.list(),
      checks: [...health.ready().conditions.map(conditionCheck), ...(await checks.get())],
    }),
  });
}

function conditionCheck({ name, ok, reason }: { name: string; ok: boolean; reason: string }): StatusCheck {
  return {
    title: name,
    verdict: ok ? 'ok' : 'failure',
    detail: ok ? 'it serves' : reason,
    remedy: ok ? null : 'see the log of the node driver',
  };
}
