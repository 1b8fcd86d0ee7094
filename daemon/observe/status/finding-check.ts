import type { NodeFinding } from '../../doctor/finding.ts';
import type { StatusCheck } from './status-check.ts';

/** What `node-driver check` has found, as the status page shows it. */
export function findingCheck({ check, status, subject, message, command, remedy }: NodeFinding): StatusCheck {
  const advice = [remedy, command].filter((text) => text !== null);
  return {
    title: subject === '' ? check : `${check}: ${subject}`,
    verdict: status,
    detail: message,
    remedy: advice.length === 0 ? null : advice.join(': '),
  };
}
