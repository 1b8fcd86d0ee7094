import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';

const sources = join(import.meta.dirname, '../../stub');
const built = join(sources, 'build');

/**
 * Builds the programs in C into `directory`, the stubs for this socket. What has been built in the tree is taken over:
 * only the file that names the socket is compiled again.
 */
export async function buildStubs(directory: string, launchSocket: string): Promise<void> {
  if (existsSync(built))
    cpSync(built, directory, {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => path !== join(built, 'check'),
    });
  rmSync(join(directory, 'request.o'), { force: true });
  await runCommand('make', ['-s', '-C', sources, `BUILD=${directory}`, `LAUNCH_SOCKET=${launchSocket}`]);
}
