import { runCommandLine } from '../../daemon/commands/command-line.ts';
import { bufferIo } from './buffer-io.ts';

export interface CommandOutcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** What `node-driver ARGS` comes to, in this process. */
export async function runNodeDriver(...args: readonly string[]): Promise<CommandOutcome> {
  const io = bufferIo();
  const status = await runCommandLine(args, io);
  return { status, ...io.written };
}
