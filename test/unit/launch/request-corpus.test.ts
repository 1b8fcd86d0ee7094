import { expect } from 'chai';
import { parseLaunchRequest } from '../../../daemon/launch/launch-request.ts';
import { RequestReader } from '../../../daemon/launch/request-reader.ts';
import { encodePayload, encodeRequest } from '../../fuzz/encode-request.ts';
import { mutateRequest } from '../../fuzz/mutate-request.ts';
import { requestSeeds } from '../../fuzz/request-seeds.ts';
import { Xorshift } from '../../fuzz/xorshift.ts';
import { codeOf } from './code-of.ts';

/** What a reader makes of a stream: its request, or the code of its refusal. */
function outcome(chunks: readonly Buffer[]): unknown {
  let result: unknown = null;
  const code = codeOf(() => {
    const reader = new RequestReader();
    for (const chunk of chunks) result = reader.push(chunk) ?? result;
    reader.end();
  });
  return code ?? result;
}

function bytewise(bytes: Buffer): readonly Buffer[] {
  return [...bytes.keys()].map((at) => bytes.subarray(at, at + 1));
}

describe('the corpus of requests', () => {
  for (const [index, seed] of requestSeeds().entries()) {
    it(`request ${index} comes out as it went in, whole and byte by byte`, () => {
      const expected = parseLaunchRequest(encodePayload(seed));
      expect(expected.argv).to.deep.equal(seed.argv);
      expect(expected.env).to.deep.equal(seed.env);
      expect(outcome([encodeRequest(seed)])).to.deep.equal(expected);
      expect(outcome(bytewise(encodeRequest(seed)))).to.deep.equal(expected);
    });

    it(`request ${index} with any one bit of its first 28 bytes flipped is refused, or is another request`, () => {
      const bytes = encodeRequest(seed);
      const original = outcome([bytes]);
      for (let bit = 0; bit < 28 * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(outcome([flipped]), `bit ${bit}`).not.to.deep.equal(original);
      }
    });
  }
});

describe('RequestReader, on mutated requests', () => {
  it('decides the same for the same bytes, in whatever pieces they come', function () {
    this.timeout(30_000);
    const random = new Xorshift(7);
    for (let run = 0; run < 2000; run += 1) {
      const { bytes, chunks } = mutateRequest(random);
      const whole = outcome([bytes]);
      const pieces = outcome(chunks);
      // Of two faults the one whose bytes come first is told: what follows the request may come later than it.
      if (whole === 'trailing-bytes') expect(pieces, `run ${run}`).to.be.a('string');
      else expect(pieces, `run ${run}`).to.deep.equal(whole);
    }
  });
});

describe('mutateRequest', () => {
  it('gives the same requests for the same seed, and others for another', () => {
    const first = (seed: number): string => {
      const random = new Xorshift(seed);
      return Array.from({ length: 20 }, () => mutateRequest(random).bytes.toString('hex')).join();
    };
    expect(first(1)).to.equal(first(1));
    expect(first(1)).not.to.equal(first(2));
  });
});
