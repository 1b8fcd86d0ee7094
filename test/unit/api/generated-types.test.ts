import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');
const generated = 'daemon/api/generated';

function readTree(directory: string): Readonly<Record<string, string>> {
  const files = fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort();
  return Object.fromEntries(files.map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]));
}

describe('daemon/api/generated', () => {
  it('is what "npm run generate:api" makes of proto/', function () {
    this.timeout(20_000);
    const manifest: unknown = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    const command = /"generate:api":"([^"]+)"/u.exec(JSON.stringify(manifest))?.[1];
    expect(command).to.include(`--outDir=${generated}`);

    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-generated-'));
    try {
      execFileSync('sh', ['-c', (command ?? '').replace(`--outDir=${generated}`, `--outDir=${directory}`)], {
        cwd: root,
        env: { ...process.env, PATH: `${root}/node_modules/.bin:${process.env['PATH'] ?? ''}` },
      });
      expect(readTree(path.join(root, generated))).to.deep.equal(readTree(directory));
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});
