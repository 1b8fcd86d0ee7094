import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('make_one_line()', function () {
  this.timeout(60_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'knd-one-line-'));
    const sources = ['stub/one-line.c', 'test/fixtures/one-line-filter.c'].map((file) =>
      path.join(root, file),
    );
    const checks = [
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=all',
      '-Wall',
      '-Wextra',
      '-Werror',
    ];
    const include = `-I${path.join(root, 'stub')}`;
    execFileSync('cc', [
      '-D_GNU_SOURCE',
      '-O1',
      ...checks,
      include,
      '-o',
      path.join(directory, 'filter'),
      ...sources,
    ]);
  });
  after(() => rmSync(directory, { recursive: true }));

  const filter = (texts: readonly (string | Buffer)[]): readonly Buffer[] => {
    const input = Buffer.concat(texts.flatMap((text) => [Buffer.from(text as string), Buffer.alloc(1)]));
    const options = { input, maxBuffer: 32 << 20 };
    const { status, stdout, stderr } = spawnSync(path.join(directory, 'filter'), options);
    expect(status, stderr.toString()).to.equal(0);
    const lines: Buffer[] = [];
    for (let at = 0; at < stdout.length;) {
      const end = stdout.indexOf(0, at);
      lines.push(stdout.subarray(at, end));
      at = end + 1;
    }
    return lines;
  };

  it('lets through the characters that the daemon lets through, and no others', () => {
    const characters = Array.from({ length: 0x10ffff }, (_, index) => index + 1)
      .filter(
        (code) => code < 0xd800 || (code > 0xdfff && code < 0x20000) || code % 0x100 === 0 || code > 0xe0000,
      )
      .filter((code) => code < 0xd800 || (code > 0xdfff && code < 0xe1000) || code % 0x1000 === 0xfff)
      .map((code) => String.fromCodePoint(code));
    const wrong = filter(characters.map((character) => `a${character}b`)).filter((line, index) => {
      const character = characters[index] ?? '';
      const kept = unprintable.test(character) ? '?'.repeat(Buffer.byteLength(character)) : character;
      return line.toString('utf8') !== `a${kept}b`;
    });
    expect(wrong).to.deep.equal([]);
  });

  it('writes a question mark for each byte that is no UTF-8', () => {
    const cases: readonly (readonly [number[], string])[] = [
      [[0x80, 0xbf], '??'],
      [[0xc0, 0xaf], '??'],
      [[0xc1, 0x81], '??'],
      [[0xe0, 0x80, 0x8a], '???'],
      [[0xed, 0xa0, 0x80], '???'],
      [[0xf0, 0x80, 0x80, 0x8a], '????'],
      [[0xf4, 0x90, 0x80, 0x80], '????'],
      [[0xf8, 0x88, 0x80, 0x80, 0x80], '?????'],
      [[0xff, 0xfe], '??'],
      [[0xc3], '?'],
      [[0xc3, 0x0a], '??'],
      [[0xe2, 0x80], '??'],
      [[0xf0, 0x9f, 0x98], '???'],
      [[0xe2, 0x80, 0x41], '??A'],
    ];
    expect(filter(cases.map(([bytes]) => Buffer.from(bytes))).map(String)).to.deep.equal(
      cases.map(([, line]) => line),
    );
  });
});
