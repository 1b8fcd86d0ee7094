/** Frame types of the launch protocol (docs/protocol.md, section 1). */
export const frameTypes = {
  request: 1,
  refused: 2,
  sendFds: 3,
  started: 4,
  fds: 5,
  signal: 6,
  exited: 7,
  enter: 8,
  failed: 9,
} as const;

export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

/** The four bytes that every frame begins with. */
export const frameMagic = 'KND1';

export const protocolVersion = 1;

/** Bytes before the payload: magic, `u16` version, `u16` type, `u32` length, all little endian. */
export const frameHeaderLength = 12;

/** Longest text of a REFUSED or FAILED frame, in bytes. */
export const maxRefusalLength = 1024;

/** Fds that the kernel passes with one message. */
const maxBatch = 253;

const maxPayload: Readonly<Record<FrameType, number>> = {
  [frameTypes.request]: 4 * 1024 * 1024,
  [frameTypes.refused]: maxRefusalLength,
  [frameTypes.sendFds]: 0,
  [frameTypes.started]: 0,
  [frameTypes.fds]: 4 + 4 * maxBatch,
  [frameTypes.signal]: 4,
  [frameTypes.exited]: 8,
  [frameTypes.enter]: 0,
  [frameTypes.failed]: maxRefusalLength,
};

export function isFrameType(value: number): value is FrameType {
  return Object.hasOwn(maxPayload, value);
}

/** Longest payload of a frame of this type, in bytes. */
export function maxPayloadLength(type: FrameType): number {
  return maxPayload[type];
}
