import { expect } from 'chai';
import { quoteText } from '../../daemon/quote-text.ts';

describe('quoteText', () => {
  const rows = [
    ['plain text', '"plain text"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\n\r\t\0\x1b\x7f\x9b', '"\\n\\r\\t\\x00\\x1b\\x7f\\x9b"'],
    ['\u202eabc\u2028\ud800\u00a0', '"\\u{202e}abc\\u{2028}\\u{d800}\\xa0"'],
    ['ä😀', '"ä😀"'],
    ['x'.repeat(80), `"${'x'.repeat(80)}"`],
    ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
    ['😀'.repeat(81), `"${'😀'.repeat(80)}…"`],
  ] as const;
  for (const [text, expected] of rows) {
    it(`writes ${expected} for a message`, () => {
      expect(quoteText(text)).to.equal(expected);
    });
  }
});
