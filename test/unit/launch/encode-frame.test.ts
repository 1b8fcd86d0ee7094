import { expect } from 'chai';
import { encodeFrame, encodeRefused } from '../../../daemon/launch/encode-frame.ts';
import { FrameDecoder } from '../../../daemon/launch/frame-decoder.ts';
import { frameTypes } from '../../../daemon/launch/frame.ts';

function textOf(frame: Buffer): string | undefined {
  const [decoded] = new FrameDecoder({ accept: [frameTypes.refused] }).push(frame);
  return decoded?.payload.toString('utf8');
}

describe('encodeFrame', () => {
  it('writes magic, version, type and length in little endian', () => {
    expect(encodeFrame(frameTypes.exited, Buffer.from([1, 2])).toString('hex')).to.equal(
      '4b4e443101000700020000000102',
    );
  });
});

describe('encodeRefused', () => {
  const texts: readonly [string, string, string][] = [
    ['keeps a plain line', 'Cannot find the pod; start it', 'Cannot find the pod; start it'],
    ['makes one line of several', 'one\r\ntwo\n', 'one two'],
    ['drops terminal escapes', 'a\u001b[31mb', 'a [31mb'],
    ['drops bidirectional overrides and line separators', 'a\u202eb\u2028c\u2029d', 'a b c d'],
    ['drops NUL', 'a\0b', 'a b'],
    ['turns a lone surrogate into valid UTF-8', 'a\ud800b', 'a\ufffdb'],
    ['keeps characters of other scripts', 'größe 机器 😀', 'größe 机器 😀'],
  ];
  for (const [what, text, expected] of texts)
    it(what, () => {
      expect(textOf(encodeRefused(text))).to.equal(expected);
    });

  for (const [character, expected] of [
    ['a', 1024],
    ['é', 1024],
    ['€', 1023],
    ['😀', 1024],
  ] as const)
    it(`cuts a text of ${character} between two characters, to at most 1,024 bytes`, () => {
      const text = textOf(encodeRefused(character.repeat(2000))) ?? '';
      expect(Buffer.byteLength(text)).to.equal(expected);
      expect(text).to.equal(character.repeat(Array.from(text).length));
    });

  it('cuts before a character that would begin at byte 1,023', () => {
    expect(textOf(encodeRefused(`${'a'.repeat(1022)}😀`))).to.equal('a'.repeat(1022));
  });

  it('cuts so that its ending stays', () => {
    expect(textOf(encodeRefused('a'.repeat(2000), ' (end)'))).to.equal(`${'a'.repeat(1018)} (end)`);
    expect(textOf(encodeRefused('a', ' (end)'))).to.equal('a (end)');
  });
});
