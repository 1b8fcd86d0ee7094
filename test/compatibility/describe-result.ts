import type { CommandResult } from '../support/run-command.ts';

/** `done`, or what virsh says went wrong, without what differs from run to run. */
export function describeResult({ status, stderr }: CommandResult): string {
  if (status === 0) return 'done';
  const said = stderr.trim().split('\n').slice(0, 1).join('');
  const text = said
    .replace(/^error: /, '')
    .replace(/machine-\d+/g, 'NAME')
    .replace(/\/[\w./-]+/g, 'PATH')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID');
  return `error: ${text}`;
}
