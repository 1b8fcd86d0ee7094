import { expect } from 'chai';
import { encodeFrame } from '../../../daemon/launch/encode-frame.ts';
import { FrameDecoder } from '../../../daemon/launch/frame-decoder.ts';
import type { FrameDecoderOptions } from '../../../daemon/launch/frame-decoder.ts';
import { frameTypes } from '../../../daemon/launch/frame.ts';
import type { Frame } from '../../../daemon/launch/frame.ts';
import { codeOf } from './code-of.ts';

const signal = encodeFrame(frameTypes.signal, Buffer.from([15, 0, 0, 0]));
const started = encodeFrame(frameTypes.started, Buffer.alloc(0));

function pushBytewise(decoder: FrameDecoder, bytes: Buffer): readonly Frame[] {
  return [...bytes.keys()].flatMap((at) => decoder.push(bytes.subarray(at, at + 1)));
}

/** How many bytes of the stream are taken before it is refused. */
function acceptedBytes(bytes: Buffer, options?: FrameDecoderOptions): number {
  const decoder = new FrameDecoder(options);
  for (const at of bytes.keys()) {
    const code = codeOf(() => decoder.push(bytes.subarray(at, at + 1)));
    if (code !== null) return at;
  }
  return bytes.length;
}

function header(changes: Readonly<Record<number, number>>): Buffer {
  const bytes = encodeFrame(frameTypes.request, Buffer.alloc(0));
  for (const [at, value] of Object.entries(changes)) bytes.writeUInt8(value, Number(at));
  return bytes;
}

describe('FrameDecoder', () => {
  it('returns the frames of a chunk in their order, empty ones included', () => {
    const frames = new FrameDecoder().push(Buffer.concat([signal, started, signal]));
    expect(frames.map(({ type, payload }) => [type, payload.toString('hex')])).to.deep.equal([
      [frameTypes.signal, '0f000000'],
      [frameTypes.started, ''],
      [frameTypes.signal, '0f000000'],
    ]);
  });

  it('returns the same frames when the bytes come one at a time', () => {
    const payload = Buffer.alloc(200_000, 'abc');
    const bytes = Buffer.concat([encodeFrame(frameTypes.request, payload), started]);
    const frames = pushBytewise(new FrameDecoder(), bytes);
    expect(frames.map(({ type }) => type)).to.deep.equal([frameTypes.request, frameTypes.started]);
    expect(frames[0]?.payload.equals(payload)).to.equal(true);
  });

  it('keeps a payload that does not change when the chunk is used again', () => {
    const chunk = Buffer.from(signal);
    const [frame] = new FrameDecoder().push(chunk);
    chunk.fill(0);
    expect(frame?.payload.readUInt32LE(0)).to.equal(15);
  });

  it('accepts a request of exactly 4 MiB', () => {
    const [frame] = new FrameDecoder().push(encodeFrame(frameTypes.request, Buffer.alloc(4 << 20, 1)));
    expect(frame?.payload.length).to.equal(4 << 20);
  });

  const requestOnly = { accept: [frameTypes.request] };
  const refusals: readonly [string, Buffer, string, number, FrameDecoderOptions?][] = [
    ['a wrong first byte', header({ 0: 0x47 }), 'bad-magic', 0],
    ['a wrong last byte of the magic', header({ 3: 0x32 }), 'bad-magic', 3],
    ['version 2', header({ 4: 2 }), 'bad-version', 4],
    ['version 257', header({ 5: 1 }), 'bad-version', 5],
    ['type 0', header({ 6: 0 }), 'unknown-type', 6],
    ['type 10', header({ 6: 10 }), 'unknown-type', 6],
    ['type 257', header({ 7: 1 }), 'unknown-type', 7],
    ['a type that is not accepted', header({ 6: 6 }), 'unexpected-type', 6, requestOnly],
    ['4 MiB and one byte', header({ 8: 1, 10: 0x40 }), 'frame-too-large', 10],
    ['5 MiB', header({ 10: 0x50 }), 'frame-too-large', 10],
    ['a length of 2^32 - 1', header({ 8: 255, 9: 255, 10: 255, 11: 255 }), 'frame-too-large', 10],
    ['a length of 2^31', header({ 11: 0x80 }), 'frame-too-large', 11],
    ['a STARTED frame with a payload', header({ 6: 4, 8: 1 }), 'frame-too-large', 8],
    ['a byte after the last frame', Buffer.concat([started, signal]), 'trailing-bytes', 12, { frames: 1 }],
  ];
  for (const [what, bytes, code, offset, options] of refusals)
    it(`refuses ${what} as ${code} at byte ${offset}`, () => {
      expect(codeOf(() => new FrameDecoder(options).push(bytes))).to.equal(code);
      expect(acceptedBytes(bytes, options)).to.equal(offset);
    });

  it('stays refused after a violation', () => {
    const decoder = new FrameDecoder();
    expect(codeOf(() => decoder.push(Buffer.from('x')))).to.equal('bad-magic');
    expect(codeOf(() => decoder.push(signal))).to.equal('bad-magic');
    expect(codeOf(() => decoder.end())).to.equal('bad-magic');
  });

  it('end accepts a stream that ends between two frames', () => {
    const decoder = new FrameDecoder();
    decoder.push(signal);
    expect(codeOf(() => decoder.end())).to.equal(null);
  });

  for (const length of [1, 11, 12, 15])
    it(`end refuses a stream that ends after ${length} bytes of a frame as truncated`, () => {
      const decoder = new FrameDecoder();
      decoder.push(signal.subarray(0, length));
      expect(codeOf(() => decoder.end())).to.equal('truncated');
    });

  it('end refuses an empty stream where a frame was due', () => {
    expect(codeOf(() => new FrameDecoder({ frames: 1 }).end())).to.equal('truncated');
  });
});
