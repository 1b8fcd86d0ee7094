import { spawn } from 'node:child_process';
import { hearOutput } from './secret-watch/hear-output.ts';
import { readTimeScale } from './time-scale.ts';

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds after which the command is killed, by default 60,000; see `readTimeScale`. */
  readonly timeout?: number;
  /** Gives the result also where the command failed. */
  readonly allowFailure?: boolean;
}

export interface CommandResult {
  /** Exit status; 128 plus the number where a signal ended the command, as in a shell. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall-clock milliseconds. */
  readonly duration: number;
}

/**
 * Runs a command to its end and collects what it wrote.
 *
 * @throws Error with the command line and its standard error where it failed, unless `allowFailure` is set.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const begin = performance.now();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const status = await new Promise<number>((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: (options.timeout ?? 60_000) * readTimeScale(),
      killSignal: 'SIGKILL',
    });
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error) => {
      reject(new Error(`Cannot run "${command}": ${error.message}; is its package installed?`));
    });
    child.on('close', (code) => {
      resolve(code ?? 137);
    });
  });
  const result = {
    status,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
    duration: performance.now() - begin,
  };
  hearOutput([command, ...args], result);
  if (status !== 0 && options.allowFailure !== true) {
    const output = (result.stderr.trim() || result.stdout.trim()).slice(-2000);
    throw new Error(`"${[command, ...args].join(' ')}" ended with status ${status}: ${output}`);
  }
  return result;
}
