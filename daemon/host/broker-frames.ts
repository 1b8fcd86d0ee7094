import { createHash } from 'node:crypto';

/** The broker's protocol: docs/protocol.md, section 2. */
export const brokerFrameTypes = {
  readFile: 1,
  startShim: 2,
  watch: 3,
  forget: 4,
  file: 129,
  shim: 130,
  exited: 131,
} as const;

const HEADER = 12;

export interface BrokerFrame {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function encodeBrokerHeader(type: number, id: number, length: number, fdCount: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(fdCount, 6);
  header.writeUInt32LE(id, 8);
  return header;
}

/** What to read below the root of a process, and as whom. */
export interface ReadRequest {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly maxSize: number;
  readonly deadlineMs: number;
}

/** @param owner whose the file is, in a form that tells all of them apart; the broker gets a number that does */
export function encodeReadRequest(request: ReadRequest, owner: string): Buffer {
  const numbers = Buffer.alloc(20 + 4 * request.groups.length);
  const { uid, gid, maxSize, deadlineMs, groups } = request;
  [uid, gid, maxSize, deadlineMs, groups.length, ...groups].forEach((value, index) =>
    numbers.writeUInt32LE(value, 4 * index),
  );
  const number = createHash('sha256').update(owner).digest().subarray(0, 8);
  // Behind the path's end, where a broker of an earlier release does not look.
  return Buffer.concat([numbers, Buffer.from(`${request.path}\0`), number]);
}

/** Takes whole frames off the front of what has been received. */
export function takeBrokerFrames(received: Buffer): {
  readonly frames: readonly BrokerFrame[];
  readonly rest: Buffer;
} {
  const frames: BrokerFrame[] = [];
  let rest = received;
  while (rest.length >= HEADER && rest.length >= HEADER + rest.readUInt32LE(0)) {
    const end = HEADER + rest.readUInt32LE(0);
    frames.push({
      type: rest.readUInt16LE(4),
      id: rest.readUInt32LE(8),
      payload: rest.subarray(HEADER, end),
    });
    rest = rest.subarray(end);
  }
  return { frames, rest };
}
