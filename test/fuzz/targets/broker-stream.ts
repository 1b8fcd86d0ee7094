import {
  encodeBrokerHeader,
  encodeReadRequest,
  takeBrokerFrames,
} from '../../../daemon/host/broker-frames.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

/** What the broker sends to the daemon, and the request that is the same the other way round. */
export const brokerStream: FuzzTarget = {
  name: 'broker-stream',
  files: ['host/broker-frames.ts'],
  seeds: [
    Buffer.concat([encodeBrokerHeader(129, 7, 8, 0), Buffer.alloc(8), encodeBrokerHeader(131, 8, 0, 0)]),
    encodeReadRequest(
      { path: '/etc/x', uid: 1, gid: 2, groups: [3, 4], maxSize: 100, deadlineMs: 1000 },
      'a pod',
    ),
    'short',
  ],
  run: (input) => {
    const { frames, rest } = takeBrokerFrames(input);
    let at = 0;
    for (const { type, id, payload } of frames) {
      const header = encodeBrokerHeader(type, id, payload.length, input.readUInt16LE(at + 6));
      expectThat(input.subarray(at, at + 12).equals(header), 'a header is written as it was read');
      at += 12 + payload.length;
    }
    expectThat(rest.equals(input.subarray(at)), 'what is left is what follows the frames');
    expectThat(rest.length < 12 || rest.length < 12 + rest.readUInt32LE(0), 'no whole frame is left');
    // Cut anywhere, it is the same stream.
    const half = takeBrokerFrames(input.subarray(0, input.length >> 1));
    const again = takeBrokerFrames(Buffer.concat([half.rest, input.subarray(input.length >> 1)]));
    expectThat(half.frames.length + again.frames.length === frames.length, 'a stream may come in pieces');
  },
};
