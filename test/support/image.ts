import { join } from 'node:path';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';

const script = join(import.meta.dirname, '../../deploy/image/build-image.sh');

/** Builds the image from this tree and gives the path of its archive. */
export async function buildImage(scratch: Scratch, name: string): Promise<string> {
  const archive = join(scratch.directory, 'image.tar');
  await runCommand(script, [archive, name], {
    environment: { PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}` },
    timeout: 180_000,
  });
  return archive;
}
