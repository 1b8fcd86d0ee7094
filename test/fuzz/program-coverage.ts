import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { programDirectory, unpackCorpus } from './fuzz-program.ts';
import type { FuzzedProgram } from './fuzz-program.ts';

export interface LineCoverage {
  /** The file, or a function of it as `file.c:function`. */
  readonly what: string;
  readonly lines: number;
  readonly missed: readonly number[];
}

/** Which lines the corpus of a fuzzer reaches, of what the fuzzer is for. */
export function programCoverage({ name, covers }: FuzzedProgram): readonly LineCoverage[] {
  execFileSync('make', ['-s', '-C', programDirectory, 'KIND=coverage', `build/coverage/${name}`]);
  const program = join(programDirectory, 'build/coverage', name);
  const directory = mkdtempSync(join(tmpdir(), `coverage-${name}-`));
  try {
    const [inputs, raw, profile] = ['inputs', 'raw', 'profile'].map((file) => join(directory, file));
    if (inputs === undefined || raw === undefined || profile === undefined) return [];
    unpackCorpus(name, inputs);
    execFileSync(program, ['-runs=0', inputs], {
      stdio: 'ignore',
      env: { ...process.env, LLVM_PROFILE_FILE: raw },
    });
    execFileSync('llvm-profdata', ['merge', '-o', profile, raw]);
    const lcov = execFileSync('llvm-cov', ['export', '-format=lcov', `-instr-profile=${profile}`, program], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const files = lcov.split('end_of_record\n').map(readFile);
    return Object.entries(covers).map(([file, functions]) =>
      coverageOf(
        files.find((each) => each.file === file),
        file,
        functions,
      ),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface MeasuredFile {
  readonly file: string;
  /** First lines of its functions. */
  readonly functions: ReadonlyMap<string, number>;
  /** How often each line was run. */
  readonly lines: ReadonlyMap<number, number>;
}

function readFile(record: string): MeasuredFile {
  const functions = [...record.matchAll(/^FN:(\d+),(?:.*[:;])?(\w+)$/gm)].map(
    ([, line = '', name = '']) => [name, Number(line)] as const,
  );
  const lines = [...record.matchAll(/^DA:(\d+),(\d+)$/gm)].map(
    ([, line, count]) => [Number(line), Number(count)] as const,
  );
  return {
    file: basename(/^SF:(.*)$/m.exec(record)?.[1] ?? ''),
    functions: new Map(functions),
    lines: new Map(lines),
  };
}

/** A function goes to where the next one begins. */
function coverageOf(
  measured: MeasuredFile | undefined,
  file: string,
  functions: readonly string[] | 'all',
): LineCoverage {
  if (measured === undefined) throw new Error(`Cannot measure ${file}: it is not in the program`);
  const starts = [...measured.functions.values()].sort((a, b) => a - b);
  const isWanted = (line: number): boolean => {
    if (functions === 'all') return true;
    const start = starts.findLast((each) => each <= line);
    return functions.some((name) => measured.functions.get(name) === start);
  };
  for (const name of functions === 'all' ? [] : functions)
    if (!measured.functions.has(name))
      throw new Error(`Cannot measure ${name}: ${file} has no such function`);
  const wanted = [...measured.lines].filter(([line]) => isWanted(line));
  return {
    what: functions === 'all' ? file : `${file}: ${functions.join(', ')}`,
    lines: wanted.length,
    missed: wanted.filter(([, count]) => count === 0).map(([line]) => line),
  };
}
