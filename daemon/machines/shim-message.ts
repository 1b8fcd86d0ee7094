import type { ProcessIdentity } from '../target/target.ts';
import type { MachineExit } from './machine.ts';

/** Shims outlive daemons: a change that an older shim or daemon misunderstands needs another number. */
export const shimProtocolVersion = 1;

/** What a shim tells: docs/protocol.md, section 3. */
export type ShimMessage =
  /** It speaks another version of the protocol: no line after this one can be understood. */
  | { readonly kind: 'incompatible'; readonly version: number }
  | { readonly kind: 'shim'; readonly shim: ProcessIdentity }
  | { readonly kind: 'started'; readonly qemu: ProcessIdentity }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'exited'; readonly exit: Omit<MachineExit, 'at'> };

const reasons = ['qemu', 'stub-gone', 'pod-gone', 'oom'] as const;

/**
 * Reads the exit record that a shim leaves on disk: the line that it tells, and when that was.
 *
 * @returns `null` for what is no such record
 */
export function parseExitRecord(text: string): MachineExit | null {
  const [line = '', when = ''] = text.split('\n');
  const message = parseShimMessage(line);
  const seconds = /^at (\d{1,11})$/.exec(when)?.[1];
  if (message?.kind !== 'exited' || seconds === undefined) return null;
  return { ...message.exit, at: new Date(Number(seconds) * 1000).toISOString() };
}

/** Reads one line of a shim; `null` for one that this version does not know. */
export function parseShimMessage(line: string): ShimMessage | null {
  const identity = /^(?:shim 1|started) (\d{1,10}) (\d{1,15})$/.exec(line);
  if (identity !== null) {
    const process = { pid: Number(identity[1]), startTime: Number(identity[2]) };
    return line.startsWith('shim') ? { kind: 'shim', shim: process } : { kind: 'started', qemu: process };
  }
  const version = /^shim (\d{1,5})(?: |$)/.exec(line)?.[1];
  if (version !== undefined && Number(version) !== shimProtocolVersion)
    return { kind: 'incompatible', version: Number(version) };
  const failed = /^failed \d+ (.*)$/.exec(line);
  if (failed !== null) return { kind: 'failed', text: failed[1] ?? '' };
  const [, kind, value, reason] = /^exited (exit|signal) (\d{1,10}) (\S+)$/.exec(line) ?? [];
  const known = reasons.find((each) => each === reason);
  if (known === undefined) return null;
  return {
    kind: 'exited',
    exit: { kind: kind === 'signal' ? 'signal' : 'exit', value: Number(value), reason: known },
  };
}
