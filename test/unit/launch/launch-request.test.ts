import { expect } from 'chai';
import { parseLaunchRequest } from '../../../daemon/launch/launch-request.ts';
import { draftRequest, encodePayload } from '../../fuzz/encode-request.ts';
import type { RequestDraft } from '../../fuzz/encode-request.ts';
import { codeOf } from './code-of.ts';

const draft = draftRequest(['qemu', '-S'], ['A=1', 'NOEQUALS', '']);

const longest = Buffer.alloc(131_071, 'x');

function strings(count: number): readonly Buffer[] {
  return Array.from({ length: count }, () => Buffer.from('x'));
}

describe('parseLaunchRequest', () => {
  it('reads every field, bytes that are not UTF-8 included', () => {
    const odd = Buffer.from([0xff, 0xfe, 0x3d]);
    const request = parseLaunchRequest(
      encodePayload({ ...draft, mode: 1, fdCount: 1000, cwd: Buffer.from('/tmp'), env: [...draft.env, odd] }),
    );
    expect(request.mode).to.equal('exec');
    expect(request.fdCount).to.equal(1000);
    expect(request.cwd.toString()).to.equal('/tmp');
    expect(request.argv.map(String)).to.deep.equal(['qemu', '-S']);
    expect(request.env.map((entry) => entry.toString('latin1'))).to.deep.equal([
      'A=1',
      'NOEQUALS',
      '',
      'ÿþ=',
    ]);
  });

  it('shares the memory of the payload', () => {
    const payload = encodePayload(draft);
    expect(parseLaunchRequest(payload).argv[0]?.buffer).to.equal(payload.buffer);
  });

  const accepted: readonly [string, Partial<RequestDraft>][] = [
    ['mode fork', { mode: 0 }],
    ['no fds and no environment', { fdCount: 0, env: [] }],
    ['4,096 arguments', { argv: strings(4096) }],
    ['4,096 environment entries', { env: strings(4096) }],
    ['a cwd of 4,095 bytes', { cwd: Buffer.alloc(4095, '/') }],
    ['an empty argument', { argv: [Buffer.alloc(0)] }],
    ['as long strings as the kernel passes on', { argv: [longest], env: [longest] }],
  ];
  for (const [what, changes] of accepted)
    it(`accepts ${what}`, () => {
      expect(codeOf(() => parseLaunchRequest(encodePayload({ ...draft, ...changes })))).to.equal(null);
    });

  const refused: readonly [string, string, Partial<RequestDraft>][] = [
    ['mode 2', 'bad-mode', { mode: 2 }],
    ['1,001 fds', 'too-many-fds', { fdCount: 1001 }],
    ['2^32 - 1 fds', 'too-many-fds', { fdCount: 0xffffffff }],
    ['no argument', 'argc', { argv: [] }],
    ['4,097 arguments', 'argc', { argv: strings(4097) }],
    ['4,097 environment entries', 'envc', { env: strings(4097) }],
    ['an empty cwd', 'cwd', { cwd: Buffer.alloc(0) }],
    ['a relative cwd', 'cwd', { cwd: Buffer.from('tmp') }],
    ['a cwd of 4,096 bytes', 'string-too-long', { cwd: Buffer.alloc(4096, '/') }],
    ['a NUL in the cwd', 'nul-byte', { cwd: Buffer.from('/\0') }],
    ['a NUL in an argument', 'nul-byte', { argv: [Buffer.from('a\0b')] }],
    ['a NUL in the environment', 'nul-byte', { env: [Buffer.from('A=\0')] }],
    ['an argument of 128 KiB', 'string-too-long', { argv: [Buffer.alloc(131_072, 'x')] }],
    ['a variable of 128 KiB', 'string-too-long', { env: [Buffer.alloc(131_072, 'x')] }],
    ['fewer strings than announced', 'truncated', { envc: 4 }],
    ['more strings than announced', 'trailing-bytes', { envc: 2 }],
  ];
  for (const [what, code, changes] of refused)
    it(`refuses ${what} as ${code}`, () => {
      expect(codeOf(() => parseLaunchRequest(encodePayload({ ...draft, ...changes })))).to.equal(code);
    });

  it('refuses every true prefix of a payload as truncated', () => {
    const payload = encodePayload(draft);
    for (const length of payload.keys())
      expect(
        codeOf(() => parseLaunchRequest(payload.subarray(0, length))),
        `${length} bytes`,
      ).to.equal('truncated');
  });

  it('refuses one byte after the last string as trailing-bytes', () => {
    const payload = Buffer.concat([encodePayload(draft), Buffer.alloc(1)]);
    expect(codeOf(() => parseLaunchRequest(payload))).to.equal('trailing-bytes');
  });

  it('refuses a string length of 2^32 - 1 as string-too-long', () => {
    const payload = encodePayload(draft);
    payload.writeUInt32LE(0xffffffff, 21);
    expect(codeOf(() => parseLaunchRequest(payload))).to.equal('string-too-long');
  });
});
