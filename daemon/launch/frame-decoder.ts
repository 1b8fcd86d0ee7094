import { frameHeaderLength, frameMagic, isFrameType, maxPayloadLength, protocolVersion } from './frame.ts';
import type { Frame, FrameType } from './frame.ts';
import { ProtocolError } from './protocol-error.ts';

export interface FrameDecoderOptions {
  /** Types that the peer may send now; all when absent. */
  readonly accept?: readonly FrameType[];
  /** How many frames the peer may send; a byte after the last is a violation. Unlimited when absent. */
  readonly frames?: number;
}

/** Declared payloads get room as their bytes arrive: twelve bytes of a stranger must not cost 4 MiB. */
const firstAllocation = 64 * 1024;

/**
 * Cuts a byte stream into frames of the launch protocol. Each header byte is judged when it arrives, so a stream
 * that can't become a frame is refused at its first wrong byte. Holds at most one header and the permitted
 * payload, and copies each payload byte a bounded number of times, however small the chunks are.
 */
export class FrameDecoder {
  readonly #accept: readonly FrameType[] | null;
  #framesLeft: number;
  #headerBytes = 0;
  #type: FrameType | null = null;
  #length = 0;
  #payload: Buffer | null = null;
  #filled = 0;
  #failure: ProtocolError | null = null;

  constructor(options: FrameDecoderOptions = {}) {
    this.#accept = options.accept ?? null;
    this.#framesLeft = options.frames ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Takes the next bytes of the stream and returns the frames that they complete.
   * @throws ProtocolError at the first byte that no valid stream has there, and from then on at every call
   */
  push(chunk: Buffer): readonly Frame[] {
    if (this.#failure !== null) throw this.#failure;
    try {
      return this.#read(chunk);
    } catch (error) {
      if (error instanceof ProtocolError) this.#failure = error;
      this.#payload = null;
      throw error;
    }
  }

  /**
   * Tells that the stream ended.
   * @throws ProtocolError `truncated` inside a frame, or before the frames that were asked for
   */
  end(): void {
    if (this.#failure !== null) throw this.#failure;
    const missing = Number.isFinite(this.#framesLeft) && this.#framesLeft > 0;
    if (missing || this.#headerBytes > 0)
      throw new ProtocolError('truncated', 'Cannot read a frame: the stream ended before the frame did');
  }

  #read(chunk: Buffer): readonly Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerBytes < frameHeaderLength) {
        this.#readHeaderByte(chunk.readUInt8(at));
        at += 1;
      } else {
        at += this.#readPayload(chunk.subarray(at));
      }
      const frame = this.#takeFrame();
      if (frame !== null) frames.push(frame);
    }
    return frames;
  }

  #readHeaderByte(byte: number): void {
    if (this.#framesLeft <= 0)
      throw new ProtocolError('trailing-bytes', 'Cannot go on: the peer sent bytes that nobody asked for');
    const offset = this.#headerBytes;
    this.#headerBytes += 1;
    if (offset < 4) {
      if (byte !== frameMagic.charCodeAt(offset))
        throw new ProtocolError('bad-magic', `Cannot read a frame: byte ${offset} of the magic is wrong`);
    } else if (offset < 6) {
      if (byte !== (offset === 4 ? protocolVersion : 0))
        throw new ProtocolError(
          'bad-version',
          `Cannot read a frame: its protocol version is not ${protocolVersion}`,
        );
    } else if (offset < 8) {
      this.#readType(offset === 6 ? byte : byte * 256 + (this.#type ?? 0));
    } else {
      this.#readLength(byte, offset - 8);
    }
  }

  /** All known types fit the low byte, so it alone tells; the high byte must then leave the number as it is. */
  #readType(type: number): void {
    if (!isFrameType(type))
      throw new ProtocolError('unknown-type', `Cannot read a frame: its type ${type} is not known`);
    if (this.#accept?.includes(type) === false)
      throw new ProtocolError('unexpected-type', `Cannot accept a frame of type ${type} at this point`);
    this.#type = type;
  }

  /** Little endian: what has arrived of the length is a lower bound of it. */
  #readLength(byte: number, index: number): void {
    this.#length += byte * 256 ** index;
    const limit = this.#type === null ? 0 : maxPayloadLength(this.#type);
    if (this.#length > limit)
      throw new ProtocolError(
        'frame-too-large',
        `Cannot accept a payload of ${this.#length} bytes or more: at most ${limit} are permitted`,
      );
  }

  #readPayload(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#length - this.#filled);
    this.#payload = this.#roomFor(this.#filled + taken);
    bytes.copy(this.#payload, this.#filled, 0, taken);
    this.#filled += taken;
    return taken;
  }

  #roomFor(size: number): Buffer {
    const old = this.#payload;
    if (old !== null && old.length >= size) return old;
    const wanted = Math.max(size, firstAllocation, 2 * (old?.length ?? 0));
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#length, wanted));
    old?.copy(grown, 0, 0, this.#filled);
    return grown;
  }

  #takeFrame(): Frame | null {
    if (this.#headerBytes < frameHeaderLength || this.#filled < this.#length || this.#type === null)
      return null;
    const frame = { type: this.#type, payload: this.#payload ?? Buffer.alloc(0) };
    this.#framesLeft -= 1;
    this.#headerBytes = 0;
    this.#type = null;
    this.#length = 0;
    this.#payload = null;
    this.#filled = 0;
    return frame;
  }
}
