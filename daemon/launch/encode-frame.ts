import { frameHeaderLength, frameMagic, frameTypes, maxRefusalLength, protocolVersion } from './frame.ts';
import type { FrameType } from './frame.ts';
import { oneLine } from './one-line.ts';

/** Header and payload of one frame. The caller keeps to the length that the type permits. */
export function encodeFrame(type: FrameType, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameHeaderLength + payload.length);
  frame.write(frameMagic, 0, 'latin1');
  frame.writeUInt16LE(protocolVersion, 4);
  frame.writeUInt16LE(type, 6);
  frame.writeUInt32LE(payload.length, 8);
  frame.set(payload, frameHeaderLength);
  return frame;
}

/**
 * A REFUSED frame. The stub prints the text as it is, into libvirt's log and a person's terminal: so it becomes one
 * line without control or formatting characters, cut to 1,024 bytes between two characters.
 */
export function encodeRefused(text: string, ending = ''): Buffer {
  const end = Buffer.from(ending, 'utf8');
  const line = cutUtf8(Buffer.from(oneLine(text), 'utf8'), maxRefusalLength - end.length);
  return encodeFrame(frameTypes.refused, Buffer.concat([line, end]));
}

function cutUtf8(bytes: Buffer, limit: number): Buffer {
  if (bytes.length <= limit) return bytes;
  let end = limit;
  // 0b10xxxxxx continues a character.
  while (end > 0 && (bytes.readUInt8(end) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
