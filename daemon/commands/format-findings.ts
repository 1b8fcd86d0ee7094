import { findingStatuses, type FindingStatus, type NodeFinding } from '../doctor/finding.ts';
import type { CheckReport } from './check.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';

const colours: Readonly<Record<FindingStatus, number>> = { ok: 32, warning: 33, failure: 31, skipped: 90 };

/** One line a finding, and one that sums them up. */
export function formatFindings({ daemon, checks }: CheckReport, hasColour: boolean): string {
  const rows = formatTable(checks.map((each) => [each.status, nameOf(each), lineOf(each)]));
  const lines = hasColour ? colour(rows) : rows;
  const counts = findingStatuses.map((wanted) => {
    const count = checks.filter(({ status }) => status === wanted).length;
    return `${count} ${wanted}`;
  });
  const who = daemon === null ? 'without a daemon' : `by the daemon ${printable(daemon.version)}`;
  return `${lines}\n${counts.join(', ')}; ${who}\n`;
}

function nameOf({ check, subject }: NodeFinding): string {
  return printable(subject === '' ? check : `${check} ${subject}`);
}

function lineOf({ message, command, remedy }: NodeFinding): string {
  const advice = [...(command === null ? [] : [`run: ${command}`]), ...(remedy === null ? [] : [remedy])];
  return printable([message, ...advice].join('; '));
}

function colour(rows: string): string {
  return rows
    .split('\n')
    .map((row) => {
      const status = findingStatuses.find((each) => row.startsWith(each));
      return status === undefined ? row : row.replace(status, `\u001b[${colours[status]}m${status}\u001b[0m`);
    })
    .join('\n');
}
