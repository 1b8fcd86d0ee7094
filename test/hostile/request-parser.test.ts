import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const parserFiles = [
  'frame-decoder',
  'launch-request',
  'request-reader',
  'request-identity',
  'libvirt-domain',
];

describe('the request parser, on 100,000 mutated requests', () => {
  it('refuses for every reason, throws nothing else, and 95 % of the lines of each file are reached', function () {
    this.timeout(300_000);
    const directory = mkdtempSync(join(tmpdir(), 'node-driver-fuzz-'));
    try {
      const coverage = [
        '--check-coverage',
        '--per-file',
        '--lines',
        '95',
        '--branches',
        '0',
        '--functions',
        '0',
        '--statements',
        '0',
      ];
      const include = parserFiles.flatMap((name) => ['--include', `daemon/launch/${name}.ts`]);
      const fuzz = [process.execPath, 'test/fuzz/request-fuzz.ts', '--runs', '100000', '--seed', '1'];
      const c8 = [
        join(root, 'node_modules/c8/bin/c8.js'),
        '--all',
        '--src',
        'daemon/launch',
        '--extension',
        '.ts',
        '--temp-directory',
        directory,
        '--reporter',
        'text',
      ];
      const child = spawnSync(process.execPath, [...c8, ...coverage, ...include, ...fuzz], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(child.status, `${child.stdout}${child.stderr}`).to.equal(0);
      // The table proves that the files were measured: a pattern that matches nothing is covered in full.
      for (const name of parserFiles) expect(child.stdout).to.include(`${name}.ts`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
