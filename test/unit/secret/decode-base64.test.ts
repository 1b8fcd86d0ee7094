import { expect } from 'chai';
import { decodeBase64 } from '../../../daemon/secret/decode-base64.ts';

describe('decodeBase64', () => {
  it('decodes what Node encodes, in both alphabets', () => {
    for (let length = 0; length < 40; length += 1) {
      const bytes = Buffer.alloc(length, 0xfb);
      for (const encoding of ['base64', 'base64url'] as const)
        expect(decodeBase64(bytes.toString(encoding), encoding)).to.deep.equal(bytes);
    }
  });

  const refused = [
    ['base64', 'QQ'],
    ['base64', 'QQ='],
    ['base64', 'QR=='],
    ['base64', 'QUI=\n'],
    ['base64', ' QUI='],
    ['base64', '-_=='],
    ['base64', '===='],
    ['base64url', 'QQ=='],
    ['base64url', 'QR'],
    ['base64url', 'Q'],
    ['base64url', '+/'],
    ['base64url', 'QQ\n'],
  ] as const;
  for (const [encoding, text] of refused)
    it(`refuses ${JSON.stringify(text)} as ${encoding}`, () => {
      expect(decodeBase64(text, encoding)).to.equal(null);
    });
});
