import { expect } from 'chai';
import { Refusal } from '../../../daemon/errors.ts';
import { quoteText } from '../../../daemon/quote-text.ts';
import { parseVmName, parseVmUuid } from '../../../daemon/target/vm-identity.ts';

function refusalOf(parse: (text: string) => string, text: string): Refusal {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} was accepted`);
}

describe('parseVmUuid', () => {
  for (const text of ['7cf1d0a4-5b3c-4b68-9f0a-0d5bb3a6e0ab', 'a', 'A-0', 'x'.repeat(64), '-']) {
    it(`accepts ${quoteText(text)}`, () => {
      expect(parseVmUuid(text)).to.equal(text);
    });
  }

  const refused = [
    ['', 'it is empty'],
    ['x'.repeat(65), 'it is 65 characters long'],
    ['../etc', 'it contains "."'],
    ['a/b', 'it contains "/"'],
    ['a b', 'it contains " "'],
    ['a_b', 'it contains "_"'],
    ['a\n', 'it contains "\\n"'],
    ['a\0', 'it contains "\\x00"'],
    ['ä', 'it contains "ä"'],
    ['٣', 'it contains "٣"'],
  ] as const;
  for (const [text, cause] of refused) {
    it(`refuses ${quoteText(text)}`, () => {
      const refusal = refusalOf(parseVmUuid, text);
      expect(refusal.code).to.equal('invalid-identity');
      expect(refusal.message).to.include(cause);
    });
  }

  it('cuts a long value in its message and escapes it', () => {
    const { line } = refusalOf(parseVmUuid, `\u001b[2J\n${'x'.repeat(100_000)}`);
    expect(line.length).to.be.lessThan(400);
    expect(line).to.match(/^Cannot accept the VM UUID "\\x1b\[2J\\nx+…": it contains "\\x1b"; set /);
  });
});

describe('parseVmName', () => {
  for (const text of [
    'testvm',
    'default_testvm',
    'default/testvm',
    'a.b',
    '...',
    'Wörld 1',
    'x'.repeat(253),
  ]) {
    it(`accepts ${quoteText(text)}`, () => {
      expect(parseVmName(text)).to.equal(text);
    });
  }

  const refused = [
    ['', 'it is empty'],
    ['x'.repeat(254), 'it is 254 bytes long'],
    ['ä'.repeat(127), 'it is 254 bytes long'],
    ['a/b/c', 'more than one "/"'],
    ['/a', 'before or after "/" is empty'],
    ['a/', 'before or after "/" is empty'],
    ['.', '"." is no name'],
    ['..', '".." is no name'],
    ['../a', '".." is no name'],
    ['a/..', '".." is no name'],
    ['a\nb', 'control character "\\n"'],
    ['a\x7f', 'control character "\\x7f"'],
    ['a\x85', 'control character "\\x85"'],
    ['a\u2028b', 'control character "\\u{2028}"'],
    ['a\ufffd', 'not valid UTF-8'],
    ['a\ud800', 'not valid UTF-8'],
  ] as const;
  for (const [text, cause] of refused) {
    it(`refuses ${quoteText(text)}`, () => {
      const refusal = refusalOf(parseVmName, text);
      expect(refusal.code).to.equal('invalid-identity');
      expect(refusal.message).to.include(cause);
    });
  }
});
