import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCorpus, writeCorpus } from './corpus.ts';
import type { FuzzOptions } from './fuzz-parser.ts';
import { Finding } from './guided-fuzzer.ts';

/** A fuzzer of test/fuzz/c/, and what it is to reach 95 % of the lines of: files, or some functions of a file. */
export interface FuzzedProgram {
  readonly name: string;
  readonly covers: Readonly<Record<string, readonly string[] | 'all'>>;
}

/** libFuzzer runs the parsers in C, with the sanitizers of addresses and of undefined behaviour. */
export const fuzzedPrograms: readonly FuzzedProgram[] = [
  {
    name: 'stub-request',
    covers: {
      'caller.c': [
        'append',
        'refuse',
        'wait_for_libvirt',
        'is_identity',
        'is_probe',
        'to_number',
        'list_inherited_fds',
      ],
      'request.c': [
        'refuse_misunderstanding',
        'print_refusal',
        'await_verdict',
        'count_strings',
        'send_or_refuse',
        'send_string',
        'total_length',
        'send_request',
        'wipe_secret',
      ],
      'stub.c': ['send_fd_batch', 'wait_for_verdict', 'end_like', 'be_proxy'],
      'wire.c': ['send_with_fds'],
    },
  },
  { name: 'plan-reader', covers: { 'plan.c': 'all' } },
  {
    name: 'shim-fds',
    covers: {
      'fd-collector.c': 'all',
      'fd-kind.c': 'all',
      // All but what sends fds.
      'wire.c': [
        'now_ms',
        'wait_for',
        'send_all',
        'recv_all',
        'send_frame',
        'check_header',
        'recv_header',
        'recv_with_fds',
        'recv_header_with_fds',
      ],
    },
  },
  {
    name: 'shim-messages',
    covers: {
      'clients.c': ['client_hear'],
      'pid-list.c': 'all',
      'shim.c': ['end_qemu', 'is_forwarded', 'hear_stub', 'obey'],
    },
  },
  { name: 'thread-id-rewriter', covers: { 'thread-ids.c': 'all' } },
  { name: 'proc-files', covers: { 'records.c': ['start_time'], 'thread-map.c': ['read_ids'] } },
  {
    name: 'broker-requests',
    covers: {
      'broker.c': ['broker_answer', 'start_watch', 'serve_one'],
      'hanging.c': ['hanging_refusal', 'hanging_add', 'hanging_reaped'],
      'readings.c': [
        'answer_read_error',
        'parse_read_request',
        'reading_start',
        'count_running',
        'free_reading',
        'finish',
        'reading_reaped',
        'continue_reading',
        'expire',
        'readings_prepare',
        'readings_deadline',
        'readings_continue',
      ],
    },
  },
];

export const programDirectory: string = join(import.meta.dirname, 'c');

const maxLength = 8192;

export interface ProgramProgress {
  readonly runs: number;
  readonly coverage: number;
  readonly inputs: number;
  /** Seconds of fuzzing after which its coverage last grew. */
  readonly lastGrowth: number;
}

/**
 * Builds and runs one of them.
 * @throws Finding
 */
export function fuzzProgram(name: string, options: FuzzOptions): ProgramProgress {
  execFileSync('make', ['-s', '-C', programDirectory, `build/sanitize/${name}`]);
  const program = join(programDirectory, 'build/sanitize', name);
  const directory = mkdtempSync(join(tmpdir(), `fuzz-${name}-`));
  try {
    const inputs = join(directory, 'inputs');
    unpackCorpus(name, inputs);
    const { status, stderr } = spawnSync(
      program,
      [
        inputs,
        `-max_total_time=${Math.ceil(options.seconds)}`,
        `-max_len=${maxLength}`,
        `-seed=${options.seed}`,
        '-timeout=20',
        '-print_final_stats=1',
        `-artifact_prefix=${directory}/finding-`,
      ],
      { encoding: 'latin1', maxBuffer: 1 << 28 },
    );
    if (status !== 0) throw new Finding(readFinding(directory), new Error(stderr.slice(-8000)));
    if (options.keep) keepSmallest(name, program, directory);
    return progressOf(stderr, options.seconds);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A directory with the corpus, one file for each input, as libFuzzer wants it. */
export function unpackCorpus(name: string, directory: string): void {
  mkdirSync(directory);
  for (const [index, input] of readCorpus(name).entries())
    writeFileSync(join(directory, String(index)), input);
}

function keepSmallest(name: string, program: string, directory: string): void {
  const merged = join(directory, 'merged');
  mkdirSync(merged);
  execFileSync(program, ['-merge=1', `-max_len=${maxLength}`, merged, join(directory, 'inputs')], {
    stdio: 'ignore',
  });
  writeCorpus(
    name,
    readdirSync(merged).map((file) => readFileSync(join(merged, file))),
  );
}

function readFinding(directory: string): Buffer {
  const file = readdirSync(directory).find((each) => each.startsWith('finding-'));
  return file === undefined ? Buffer.alloc(0) : readFileSync(join(directory, file));
}

/** Of lines such as `#7778 NEW cov: 389 ft: 1284 corp: 186/10Kb … exec/s: 77 rss: 344Mb`. */
function progressOf(log: string, seconds: number): ProgramProgress {
  const lines = [...log.matchAll(/^#(\d+)\t\S+ +cov: (\d+) ft: \d+ corp: (\d+)/gm)].map((line) =>
    line.slice(1).map(Number),
  );
  const [runs = 0, coverage = 0, inputs = 0] = lines.at(-1) ?? [];
  const [firstAtIt = 0] = lines.find(([, reached]) => reached === coverage) ?? [];
  return { runs, coverage, inputs, lastGrowth: runs === 0 ? 0 : Math.round((seconds * firstAtIt) / runs) };
}
