import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Mutation } from './mutation.ts';
import type { TestOutcome } from './outcome-reporter.ts';

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

export interface CommandResult {
  readonly ok: boolean;
  readonly output: string;
}

/** `outcome` is `null` where mocha did not get to its end. */
export interface TestResult extends CommandResult {
  readonly outcome: TestOutcome | null;
}

export function runIn(directory: string, command: string, args: readonly string[]): CommandResult {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

/** A copy of the tree, in which one file at a time is changed. */
export class MutatedCopy implements Disposable {
  readonly #directory: string;

  constructor() {
    this.#directory = mkdtempSync('/var/lib/knd-mutation-');
    // Tests run programs of it as QEMU's user.
    chmodSync(this.#directory, 0o755);
    for (const part of parts)
      cpSync(join(root, part), join(this.#directory, part), { recursive: true, preserveTimestamps: true });
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'));
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }

  /** Does something with the mutation, and takes it back. */
  mutated<Result>({ file, search, replace }: Mutation, action: () => Result): Result {
    const path = join(this.#directory, file);
    const source = readFileSync(path, 'utf8');
    try {
      writeFileSync(
        path,
        source.replace(search, () => replace),
      );
      return action();
    } finally {
      writeFileSync(path, source);
    }
  }

  /** Node runs TypeScript as it is: what has a wrong type would fail some test, and show nothing. */
  build({ file }: Mutation): CommandResult {
    const built = runIn(this.#directory, 'make', ['-s', '-C', 'stub']);
    return built.ok && file.endsWith('.ts') ? this.#checkTypes() : built;
  }

  test({ tests, grep }: Mutation): TestResult {
    const output = join(this.#directory, 'outcome.json');
    rmSync(output, { force: true });
    const { ok, output: text } = runIn(this.#directory, join(root, 'node_modules/.bin/mocha'), [
      // One failure is enough to have noticed.
      '--bail',
      // What a failed test leaves running must not keep the run.
      '--exit',
      ...['--reporter', './test/mutation/outcome-reporter.ts', '--reporter-option', `output=${output}`],
      ...(grep === undefined ? [] : ['--grep', grep]),
      ...tests,
    ]);
    const outcome = existsSync(output) ? (JSON.parse(readFileSync(output, 'utf8')) as TestOutcome) : null;
    return { ok, output: text, outcome };
  }

  #checkTypes(): CommandResult {
    // What an earlier mutation did not touch is not looked at again.
    const known = ['--incremental', '--tsBuildInfoFile', join(this.#directory, 'types.json')];
    return runIn(this.#directory, join(root, 'node_modules/.bin/tsc'), ['--noEmit', ...known, '-p', '.']);
  }
}
