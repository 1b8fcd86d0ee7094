/** `npm run check`: everything that can be said without root, in under a minute. Prints the output of failures only. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** What has not changed since the last time is not looked at again, by its content. */
const cache = 'node_modules/.cache/check';
const cacheLocation = `--cache-location=${cache}/format.json`;

const bufArchitecture = process.arch === 'arm64' ? 'aarch64' : process.arch;

/** Longest first, so that the parallel steps end together. */
const steps: readonly Step[] = [
  { name: 'lint', command: 'eslint', args: ['.', '--max-warnings=0'] },
  {
    name: 'types',
    command: 'tsc',
    args: ['--noEmit', '--incremental', '--tsBuildInfoFile', `${cache}/types.json`],
  },
  { name: 'c', command: 'make', args: ['-s', '-C', 'stub', 'check'] },
  {
    name: 'format',
    command: 'prettier',
    args: ['--check', '--log-level=warn', '--cache', '--cache-strategy=content', cacheLocation, '.'],
  },
  { name: 'unit', command: 'mocha', args: ['--reporter', 'dot', 'test/unit/**/*.test.ts'] },
  { name: 'proto', command: `node_modules/@bufbuild/buf-linux-${bufArchitecture}/bin/buf`, args: ['lint'] },
];

/** Runs one step; gives true when it passed. */
async function run(step: Step): Promise<boolean> {
  const begin = performance.now();
  const output: Buffer[] = [];
  const status = await new Promise<string>((resolve) => {
    const child = spawn(step.command, step.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', (error) =>
      resolve(`cannot run "${step.command}": ${error.message}; run "npm ci" first`),
    );
    child.on('close', (code, signal) =>
      resolve(code === 0 ? '' : `ended with ${signal ?? `status ${code}`}`),
    );
  });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${status === '' ? 'ok  ' : 'FAIL'} ${step.name.padEnd(8)} ${seconds.padStart(5)} s`);
  if (status !== '') console.log(`${Buffer.concat(output).toString()}${step.name} ${status}\n`);
  return status === '';
}

/** Runs the steps, as many at a time as there are processors; gives the number of failed ones. */
async function runAll(queue: readonly Step[]): Promise<number> {
  const waiting = [...queue];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      if (!(await run(step))) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), queue.length) }, worker));
  return failed;
}

const failed = await runAll(steps);
if (failed > 0) console.log(`${failed} of ${steps.length} checks failed`);
process.exitCode = failed > 0 ? 1 : 0;
