import { encodeFrame } from '../../../daemon/launch/encode-frame.ts';
import { FrameDecoder } from '../../../daemon/launch/frame-decoder.ts';
import { frameTypes, maxPayloadLength } from '../../../daemon/launch/frame.ts';
import type { LaunchRequest } from '../../../daemon/launch/launch-request.ts';
import { RequestReader } from '../../../daemon/launch/request-reader.ts';
import { attempt } from '../attempt.ts';
import { encodeRequest } from '../encode-request.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { requestSeeds } from '../request-seeds.ts';

/** The bytes of a stub: the first of the input says in what pieces the others come. */
export const launchStream: FuzzTarget = {
  name: 'launch-stream',
  files: ['launch/frame-decoder.ts', 'launch/launch-request.ts', 'launch/request-reader.ts'],
  seeds: [
    ...requestSeeds().flatMap((draft) =>
      [0, 1].map((step) => Buffer.concat([Buffer.of(step), encodeRequest(draft)])),
    ),
    Buffer.concat([
      Buffer.of(9),
      encodeFrame(frameTypes.signal, Buffer.alloc(4)),
      encodeFrame(frameTypes.enter, Buffer.alloc(0)),
    ]),
  ],
  run: (input) => {
    const stream = input.subarray(1);
    const pieces = cut(stream, input[0] ?? 0);
    checkDecoder(stream, pieces);
    const whole = attempt(() => read([stream]));
    const parts = attempt(() => read(pieces));
    // Of two faults the one whose bytes come first is told.
    if ('code' in whole && whole.code === 'trailing-bytes')
      expectThat('code' in parts, 'a request is refused in pieces, too');
    else expectThat(same(whole, parts), 'a request is judged the same in whatever pieces it comes');
    if ('value' in whole) checkRoundTrip(whole.value, stream);
  },
};

function cut(bytes: Buffer, step: number): readonly Buffer[] {
  if (step === 0) return [bytes];
  const pieces: Buffer[] = [];
  // Not too many: a stream of 32 KiB byte by byte is slow for no fault of the parser.
  const size = Math.max(step, Math.ceil(bytes.length / 2048));
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

/** Frames of whatever type encode to the very bytes that they came from. */
function checkDecoder(stream: Buffer, pieces: readonly Buffer[]): void {
  const decoder = new FrameDecoder();
  let at = 0;
  const outcome = attempt(() => {
    for (const piece of pieces)
      for (const { type, payload } of decoder.push(piece)) {
        const encoded = encodeFrame(type, payload);
        expectThat(payload.length <= maxPayloadLength(type), 'a payload is no longer than its type permits');
        expectThat(stream.subarray(at, at + encoded.length).equals(encoded), 'a frame is what was sent');
        at += encoded.length;
      }
    decoder.end();
  });
  if ('value' in outcome) expectThat(at === stream.length, 'no byte is lost');
  else if (outcome.code !== 'truncated')
    expectThat(
      'code' in attempt(() => decoder.push(Buffer.of(0))),
      'a stream stays refused once it has been',
    );
}

function read(pieces: readonly Buffer[]): LaunchRequest {
  const reader = new RequestReader();
  let request: LaunchRequest | null = null;
  for (const piece of pieces) request = reader.push(piece) ?? request;
  reader.end();
  expectThat(request !== null, 'a stream that ends well had a request');
  return request;
}

function checkRoundTrip({ mode, fdCount, cwd, argv, env }: LaunchRequest, stream: Buffer): void {
  const encoded = encodeRequest({ mode: mode === 'exec' ? 1 : 0, fdCount, cwd, argv, env });
  expectThat(encoded.equals(stream), 'a request is written as it was read');
}

function same(a: ReturnType<typeof attempt<LaunchRequest>>, b: typeof a): boolean {
  if ('code' in a || 'code' in b) return 'code' in a && 'code' in b && a.code === b.code;
  return (
    a.value.argv.length === b.value.argv.length &&
    a.value.argv.every((argument, index) => argument.equals(b.value.argv[index] ?? Buffer.alloc(0)))
  );
}
