import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';

const sources = join(import.meta.dirname, '../../stub');
const built = join(sources, 'build');

/**
 * Builds the programs in C into `directory`, the stubs for this socket. What has been built in the tree is taken over:
 * only the file that names the socket is compiled again.
 *
 * @param variables of the Makefile; with any, all is compiled anew
 */
export async function buildStubs(
  directory: string,
  launchSocket: string,
  variables: readonly string[] = [],
): Promise<void> {
  if (variables.length === 0 && existsSync(built)) {
    cpSync(built, directory, {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => path !== join(built, 'check'),
    });
    rmSync(join(directory, 'request.o'), { force: true });
  }
  const places = [`BUILD=${directory}`, `LAUNCH_SOCKET=${launchSocket}`];
  await runCommand('make', ['-s', '-j2', '-C', sources, ...places, ...variables]);
}
