import { expect } from 'chai';
import {
  brokerFrameTypes,
  encodeBrokerHeader,
  encodeReadRequest,
  takeBrokerFrames,
} from '../../../daemon/host/broker-frames.ts';

function frame(type: number, id: number, text: string): Buffer {
  return Buffer.concat([encodeBrokerHeader(type, id, text.length, 0), Buffer.from(text)]);
}

describe('encodeBrokerHeader', () => {
  it('is laid out as docs/protocol.md says, little endian', () => {
    const header = encodeBrokerHeader(brokerFrameTypes.startShim, 0x01020304, 0x0a0b, 8);
    expect(header.toString('hex')).to.equal('0b0a0000' + '0200' + '0800' + '04030201');
  });

  it('takes the largest id', () => {
    expect(encodeBrokerHeader(1, 0xffff_ffff, 0, 0).readUInt32LE(8)).to.equal(0xffff_ffff);
  });
});

describe('encodeReadRequest', () => {
  it('is ids, limits, groups, the path with its end, and a number of the owner', () => {
    const request = {
      path: '/etc/ü',
      uid: 107,
      gid: 36,
      groups: [1, 0xffff_fffe],
      maxSize: 256,
      deadlineMs: 2000,
    };
    const bytes = encodeReadRequest(request, 'a pod');
    const numbers = Array.from({ length: 7 }, (_, index) => bytes.readUInt32LE(4 * index));
    expect(numbers).to.deep.equal([107, 36, 256, 2000, 2, 1, 0xffff_fffe]);
    expect(bytes.subarray(28, -8).toString()).to.equal('/etc/ü\0');
    const ownerOf = (owner: string): string => encodeReadRequest(request, owner).subarray(-8).toString('hex');
    expect(ownerOf('a pod'))
      .to.equal(bytes.subarray(-8).toString('hex'))
      .and.not.equal(ownerOf('another pod'));
  });
});

describe('takeBrokerFrames', () => {
  it('takes whole frames and leaves the rest, wherever the stream is cut', () => {
    const stream = Buffer.concat([frame(129, 1, ''), frame(130, 2, 'two'), frame(129, 3, 'three')]);
    for (let cut = 0; cut <= stream.length; cut++) {
      const first = takeBrokerFrames(stream.subarray(0, cut));
      const second = takeBrokerFrames(Buffer.concat([first.rest, stream.subarray(cut)]));
      const all = [...first.frames, ...second.frames];
      expect(all.map(({ type, id, payload }) => [type, id, payload.toString()])).to.deep.equal([
        [129, 1, ''],
        [130, 2, 'two'],
        [129, 3, 'three'],
      ]);
      expect(second.rest).to.have.lengthOf(0);
    }
  });
});
