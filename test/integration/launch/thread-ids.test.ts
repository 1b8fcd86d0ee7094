import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');
/** What stands for a thread that QEMU does not have. */
const none = '2147483647';
const cpus = '{"return": [{"thread-id": 12, "cpu-index": 0}, {"thread-id": 345, "cpu-index": 1}]}\r\n';

/** The filter multiplies ids below 1000 by ten, and knows no others. */
const cases: readonly (readonly [what: string, input: string, output: string])[] = [
  ['every id of a list', cpus, cpus.replace('12', '120').replace('345', '3450')],
  ['an id that is nested', '{"a":{"b":[{"thread-id":7}]}}', '{"a":{"b":[{"thread-id":70}]}}'],
  ['an id with spaces around it', '{"thread-id" :\t 7 }', '{"thread-id" :\t 70 }'],
  [
    'a name with escapes',
    String.raw`{"thread\u002Did":7,"\u0074hread-id":8}`,
    String.raw`{"thread\u002Did":70,"\u0074hread-id":80}`,
  ],
  ['an unknown id', '{"thread-id":1000}', `{"thread-id":${none}}`],
  ['the id 0, which would be libvirt itself', '{"thread-id":0}', `{"thread-id":${none}}`],
  [
    'numbers that are no ids',
    '{"thread-id":-1,"thread-id":1e3,"thread-id":1.5,"thread-id":007}',
    `{"thread-id":${none},"thread-id":${none},"thread-id":${none},"thread-id":${none}}`,
  ],
  ['a number without end', `{"thread-id":${'9'.repeat(50_000)}}`, `{"thread-id":${none}}`],
  ['a line after one that ends in a string', '{"a":"\r\n{"thread-id":7}', '{"a":"\r\n{"thread-id":70}'],
  ['a string with a line end of another kind', '{"a":"\n","thread-id":7}', '{"a":"\n","thread-id":70}'],
];
const kept: readonly string[] = [
  String.raw`{"a":"\"thread-id\":7","b":"thread-id","c":7}`,
  String.raw`{"a":"x\\\"thread-id\": 7}"}`,
  '["thread-id", 7]',
  '{"thread-id":"7"}',
  '{"thread-ids":7,"a-thread-id":7,"hread-id":7,"":7}',
  '{"thread-id":[7]}',
  `{"a":"${'x'.repeat(50_000)}`,
  '\0\xff"thread-id"',
];

describe('the thread ids that QEMU says on its monitor', function () {
  this.timeout(60_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'knd-thread-ids-'));
    const sources = ['stub/thread-ids.c', 'test/fixtures/thread-ids-filter.c'].map((file) =>
      path.join(root, file),
    );
    const checks = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    execFileSync('cc', [
      '-D_GNU_SOURCE',
      '-O1',
      ...checks,
      `-I${path.join(root, 'stub')}`,
      '-o',
      path.join(directory, 'filter'),
      ...sources,
    ]);
  });
  after(() => rmSync(directory, { recursive: true }));

  const filter = (input: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(path.join(directory, 'filter'), args, {
      input: Buffer.from(input, 'latin1'),
      encoding: 'latin1',
    });
    expect(status, stderr).to.equal(0);
    return stdout;
  };

  for (const [what, input, output] of cases)
    it(`are translated: ${what}`, () => {
      for (const size of [1, 2, 3, 7, 65_536])
        expect(filter(input, String(size)), String(size)).to.equal(output);
    });

  it('are translated wherever the stream is cut', () => {
    for (let size = 1; size <= 24; size++)
      expect(filter(cpus, String(size)), String(size)).to.equal(cases[0]?.[2]);
  });

  for (const text of kept)
    it(`are all that changes: ${JSON.stringify(text.slice(0, 60))}`, () => {
      for (const size of [1, 65_536]) expect(filter(text, String(size))).to.equal(text);
    });
});
