import { runCommandLine } from '../../daemon/commands/command-line.ts';
import { bufferIo } from './buffer-io.ts';
import { matchSchema } from './match-schema.ts';
import { hearOutput } from './secret-watch/hear-output.ts';

export interface CommandOutcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** What `node-driver ARGS` comes to, in this process. What `install` and `uninstall` print as JSON is held to its schema. */
export async function runNodeDriver(...args: readonly string[]): Promise<CommandOutcome> {
  const io = bufferIo();
  const status = await runCommandLine(args, io);
  const [command] = args;
  hearOutput(['node-driver', ...args], { stdout: io.written.out, stderr: io.written.err });
  if (args.includes('--json') && status !== 2 && (command === 'install' || command === 'uninstall'))
    matchSchema(command, io.written.out);
  return { status, ...io.written };
}
