import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzzProgram, fuzzedPrograms, programDirectory } from '../fuzz/fuzz-program.ts';
import { fuzzTargets } from '../fuzz/fuzz-targets.ts';
import { programCoverage } from '../fuzz/program-coverage.ts';

const root = join(import.meta.dirname, '../..');
/** All of them together take about a minute; `npm run fuzz` is for more. */
const seconds = 3;
const seed = 1;

describe('the parsers, fuzzed for a minute', function () {
  this.timeout(300_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for

  describe('in C, with sanitizers', () => {
    before(function () {
      this.timeout(600_000);
      const jobs = `-j${availableParallelism()}`;
      for (const kind of ['sanitize', 'coverage'])
        execFileSync('make', ['-s', jobs, '-C', programDirectory, `KIND=${kind}`]);
    });

    for (const program of fuzzedPrograms) {
      it(`${program.name}: every property holds, for what was kept and for what is new`, () => {
        const { runs } = fuzzProgram(program.name, { seconds, seed, keep: false });
        expect(runs).to.be.above(100);
      });

      it(`${program.name}: what was kept reaches 95 % of the lines`, () => {
        const coverage = programCoverage(program);
        const lines = coverage.reduce((sum, each) => sum + each.lines, 0);
        const missed = coverage.flatMap((each) => each.missed.map((line) => `${each.what} ${line}`));
        expect(missed.length / lines, missed.join('\n')).to.be.at.most(0.05);
      });
    }

    it('all of it compiles with clang as with gcc', () => {
      const stub = join(root, 'stub');
      const sources = readdirSync(stub).filter((file) => file.endsWith('.c'));
      const musl = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-musl`;
      const flags = [
        '-std=c11',
        '-D_GNU_SOURCE',
        '-Wall',
        '-Wextra',
        '-Werror',
        '-nostdlibinc',
        '-isystem',
        musl,
      ];
      const compile = (...args: readonly string[]): void => {
        execFileSync('clang', [...flags, '-fsyntax-only', ...args], { cwd: stub });
      };
      // failpoint.c is of the programs with failpoints alone.
      compile(...sources.filter((file) => file !== 'failpoint.c'));
      compile('-DFAILPOINTS="/x"', ...sources);
    });
  });

  describe('in the daemon', () => {
    for (const { name } of fuzzTargets)
      it(`${name}: every property holds, for what was kept and for what is new`, () => {
        const options = ['--minutes', String(seconds / 60), '--seed', String(seed), '--no-keep'];
        const child = spawnSync(process.execPath, ['test/fuzz/main.ts', name, ...options], {
          cwd: root,
          encoding: 'utf8',
        });
        expect(child.status, child.stderr).to.equal(0);
      });

    it('what was kept reaches 95 % of the lines of each file', () => {
      const directory = mkdtempSync(join(tmpdir(), 'node-driver-fuzz-'));
      const files = [...new Set(fuzzTargets.flatMap((target) => target.files))];
      try {
        const limits = ['--check-coverage', '--per-file', '--lines', '95'];
        const none = ['--branches', '0', '--functions', '0', '--statements', '0'];
        const measure = ['--all', '--src', 'daemon', '--extension', '.ts', '--temp-directory', directory];
        const include = files.flatMap((file) => ['--include', `daemon/${file}`]);
        const c8 = [
          join(root, 'node_modules/c8/bin/c8.js'),
          ...measure,
          ...limits,
          ...none,
          '--reporter',
          'text',
        ];
        const replay = [process.execPath, 'test/fuzz/replay.ts'];
        const child = spawnSync(process.execPath, [...c8, ...include, ...replay], {
          cwd: root,
          encoding: 'utf8',
        });
        expect(child.status, `${child.stdout}${child.stderr}`).to.equal(0);
        // The table proves that the files were measured: a pattern that matches nothing is covered in full.
        for (const file of files) expect(child.stdout).to.include(file.slice(file.lastIndexOf('/') + 1));
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  });
});
