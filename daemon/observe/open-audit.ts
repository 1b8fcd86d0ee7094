import type { Writable } from 'node:stream';

import type { Config } from '../config/config.ts';
import { AuditLog } from './audit-log.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** @throws Error when it is required, and there is none or it can't be opened */
export function openAudit(
  { auditLog, auditRequired, auditStdout }: Pick<Config, 'auditLog' | 'auditRequired' | 'auditStdout'>,
  stdout: Writable,
  metrics: Pick<Metrics, 'auditLineLost'>,
  logger: Pick<Logger, 'error'>,
): AuditLog {
  if (auditRequired && auditLog === null)
    throw new Error(
      'Cannot require the audit log: there is none; set "audit-log" to a path, or "audit-required = no"',
    );
  return new AuditLog({
    path: auditLog,
    stream: auditStdout ? stdout : null,
    isRequired: auditRequired,
    onLost: (error, { launchId }) => {
      metrics.auditLineLost();
      logger.error('A decision was not noted', { launchId, error: error.message });
    },
  });
}
