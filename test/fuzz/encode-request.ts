import { encodeFrame } from '../../daemon/launch/encode-frame.ts';
import { frameTypes } from '../../daemon/launch/frame.ts';

/** A request as a test writes it: numbers may be wrong, counts may lie. */
export interface RequestDraft {
  readonly mode: number;
  readonly fdCount: number;
  readonly cwd: Buffer;
  readonly argv: readonly Buffer[];
  readonly env: readonly Buffer[];
  /** Written instead of the true number of arguments. */
  readonly argc?: number;
  /** Written instead of the true number of environment entries. */
  readonly envc?: number;
}

export function draftRequest(argv: readonly string[], env: readonly string[]): RequestDraft {
  return { mode: 0, fdCount: 5, cwd: Buffer.from('/'), argv: argv.map(toBuffer), env: env.map(toBuffer) };
}

export function encodePayload(draft: RequestDraft): Buffer {
  const numbers = [
    draft.mode,
    draft.fdCount,
    draft.argc ?? draft.argv.length,
    draft.envc ?? draft.env.length,
  ];
  return Buffer.concat([
    ...numbers.map(encodeNumber),
    ...[draft.cwd, ...draft.argv, ...draft.env].map(encodeString),
  ]);
}

/** The whole REQUEST frame. */
export function encodeRequest(draft: RequestDraft): Buffer {
  return encodeFrame(frameTypes.request, encodePayload(draft));
}

function toBuffer(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}

function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function encodeString(bytes: Buffer): Buffer {
  return Buffer.concat([encodeNumber(bytes.length), bytes]);
}
