/** `npm run test:mutation [-- NAME...]`: takes one defence away at a time, and expects the tests to notice. Root. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutation } from './mutation.ts';
import { mutations } from './mutations.ts';
import { readReport, renderReport, type MutationResult } from './render-report.ts';

const root = join(import.meta.dirname, '../..');
const parts = [
  'daemon',
  'deploy',
  'docs',
  'proto',
  'stub',
  'test',
  'package.json',
  'tsconfig.json',
  '.mocharc.json',
];

function run(
  copy: string,
  command: string,
  args: readonly string[],
): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy, encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

function test(copy: string, { tests, grep }: Mutation): { readonly ok: boolean; readonly output: string } {
  const mocha = join(root, 'node_modules/.bin/mocha');
  // One failure is enough to have noticed.
  return run(copy, mocha, ['--bail', ...(grep === undefined ? [] : ['--grep', grep]), ...tests]);
}

/** The tests must pass without the mutation: else their failure with it says nothing. */
function judge(copy: string, mutation: Mutation): MutationResult {
  const path = join(copy, mutation.file);
  const source = readFileSync(path, 'utf8');
  const build = (): ReturnType<typeof run> => run(copy, 'make', ['-s', '-C', 'stub']);
  const begin = performance.now();
  const say = (verdict: MutationResult['verdict'], output: string): MutationResult => {
    if (verdict !== 'noticed') console.log(output.slice(-3000));
    const seconds = (performance.now() - begin) / 1000;
    console.log(`${verdict.padEnd(16)} ${seconds.toFixed(0).padStart(4)} s  ${mutation.name}`);
    return { name: mutation.name, verdict, commit };
  };
  build();
  const before = test(copy, mutation);
  if (!before.ok) return say('fails without it', before.output);
  try {
    writeFileSync(
      path,
      source.replace(mutation.search, () => mutation.replace),
    );
    const built = build();
    if (!built.ok) return say('does not build', built.output);
    const after = test(copy, mutation);
    return say(after.ok ? 'NOT noticed' : 'noticed', after.output);
  } finally {
    writeFileSync(path, source);
  }
}

const report = join(root, 'docs/mutation-report.md');
const commit = run(root, 'git', ['rev-parse', '--short=9', 'HEAD']).output.trim();
const wanted = process.argv.slice(2);
const chosen = wanted.length === 0 ? mutations : mutations.filter(({ name }) => wanted.includes(name));
if (chosen.length < wanted.length)
  throw new Error('Cannot run a mutation that is not in test/mutation/mutations.ts');
const copy = mkdtempSync('/var/lib/knd-mutation-');
// Tests run programs of it as QEMU's user.
chmodSync(copy, 0o755);
const results: MutationResult[] = [];
try {
  for (const part of parts)
    cpSync(join(root, part), join(copy, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const mutation of chosen) {
    const result = judge(copy, mutation);
    results.push(result);
    // Read anew each time: another run may have added lines meanwhile.
    writeFileSync(report, renderReport(mutations, [...readReport(readFileSync(report, 'utf8')), result]));
  }
} finally {
  rmSync(copy, { recursive: true });
}
process.exitCode = results.every(({ verdict }) => verdict === 'noticed') ? 0 : 1;
