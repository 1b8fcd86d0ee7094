import { expect } from 'chai';
import type { Metafile } from 'esbuild';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join, matchesGlob } from 'node:path';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';

const root = join(import.meta.dirname, '../../..');

interface Row {
  readonly patterns: readonly string[];
  readonly mostKib: number;
}

/** The table of docs/image.md. */
function readTable(): readonly Row[] {
  return readFileSync(join(root, 'docs/image.md'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, paths = '', most = ''] = line.split('|').map((cell) => cell.trim());
      const patterns = [...paths.matchAll(/`(\/[^`]+)`/gu)].flatMap(([, pattern]) => pattern ?? []);
      return /^\d+$/u.test(most) ? [{ patterns, mostKib: Number(most) }] : [];
    });
}

describe('the files of the image', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let bundle: string;
  let files: ReadonlyMap<string, number>;

  before(async () => {
    scratch = Scratch.open('test');
    bundle = join(scratch.directory, 'bundle');
    const image = join(scratch.directory, 'image');
    await runCommand(process.execPath, [join(root, 'deploy/image/build-bundle.ts'), bundle]);
    const script = join(root, 'deploy/image/lay-out.sh');
    await runCommand('sh', [script, bundle, join(root, 'stub/build'), image, 'abcdef0123']);
    files = new Map(
      readdirSync(image, { recursive: true, encoding: 'utf8' })
        .map((path) => [`/${path}`, lstatSync(join(image, path))] as const)
        .filter(([, info]) => !info.isDirectory())
        .map(([path, info]) => [path, info.size]),
    );
  });
  after(() => scratch.close());

  it('are those that docs/image.md lists, each in one row', () => {
    const table = readTable();
    for (const path of files.keys()) {
      const rows = table.filter(({ patterns }) => patterns.some((pattern) => matchesGlob(path, pattern)));
      expect(rows, path).to.have.lengthOf(1);
    }
    for (const pattern of table.flatMap(({ patterns }) => patterns))
      expect(
        [...files.keys()].filter((path) => matchesGlob(path, pattern)),
        pattern,
      ).to.not.be.empty;
  });

  it('are no larger than it says', () => {
    for (const { patterns, mostKib } of readTable()) {
      const sizes = [...files]
        .filter(([path]) => patterns.some((pattern) => matchesGlob(path, pattern)))
        .map(([, size]) => size);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      expect(bytes / 1024, patterns.join(', ')).to.be.at.most(mostKib);
    }
  });

  it('say their version and commit', async () => {
    const script = join(scratch.directory, 'image/app/dist/daemon/main.js');
    const { stdout } = await runCommand(process.execPath, [script, '--version']);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(stdout).to.equal(`node-driver ${version} (abcdef0123), node ${process.versions.node}\n`);
  });

  it('have every command start', async () => {
    const script = join(scratch.directory, 'image/app/dist/daemon/main.js');
    const { stdout } = await runCommand(process.execPath, [script, '--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gmu)].map(([, name]) => name ?? '');
    expect(names).to.include.members(['serve', 'install']);
    for (const name of names) {
      const help = await runCommand(process.execPath, [script, name, '--help']);
      expect(help.stdout, name).to.include(`Usage: node-driver ${name}`);
    }
  });

  it('have the client of Kubernetes where only a dynamic import leads', () => {
    const { outputs } = JSON.parse(readFileSync(`${bundle}.meta.json`, 'utf8')) as Metafile;
    const holdsClient = (path: string): boolean =>
      Object.keys(outputs[path]?.inputs ?? {}).some((input) => input.includes('@kubernetes/client-node/'));
    const serve = Object.keys(outputs).find((path) => /^serve-.*\.js$/u.test(basename(path)));
    if (serve === undefined) throw new Error('There is no chunk of "serve"');
    const reached = new Set<string>();
    const walk = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const { path: next, kind } of outputs[path]?.imports ?? [])
        if (kind === 'import-statement' && outputs[next] !== undefined) walk(next);
    };
    walk(serve);
    expect([...reached].filter(holdsClient)).to.deep.equal([]);
    expect(Object.keys(outputs).filter(holdsClient)).to.not.be.empty;
  });
});
