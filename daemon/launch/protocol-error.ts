import { Refusal } from '../errors.ts';

/** What can be wrong with the bytes of a peer of the launch protocol. Stable: metrics and tests use them. */
export const protocolErrorCodes = [
  'bad-magic',
  'bad-version',
  'unknown-type',
  'unexpected-type',
  'frame-too-large',
  'truncated',
  'trailing-bytes',
  'bad-mode',
  'too-many-fds',
  'argc',
  'envc',
  'cwd',
  'string-too-long',
  'nul-byte',
] as const;

export type ProtocolErrorCode = (typeof protocolErrorCodes)[number];

/** A peer broke the launch protocol. The message holds numbers only, never bytes of the peer. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }

  /** The same as the peer is told it: code `protocol`. */
  toRefusal(): Refusal {
    return new Refusal('protocol', this.message, 'use the stub and the daemon of one release', {
      cause: this,
    });
  }
}
