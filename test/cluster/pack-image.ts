import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';

export interface ImageOptions {
  /** With its tag. */
  readonly name: string;
  /** What is in it. */
  readonly root: string;
  readonly entrypoint: readonly string[];
}

/**
 * Makes an image of one layer, as `docker save` writes one.
 *
 * @param directory for the archive and what it is made of
 * @returns the archive's path
 */
export async function packImage(
  directory: string,
  { name, root, entrypoint }: ImageOptions,
): Promise<string> {
  mkdirSync(directory);
  const layer = join(directory, 'layer.tar');
  await runCommand('tar', ['-C', root, '--numeric-owner', '-cf', layer, '.']);
  const digest = createHash('sha256').update(readFileSync(layer)).digest('hex');
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Entrypoint: entrypoint, Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(directory, 'image.tar');
  await runCommand('tar', ['-C', directory, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  return archive;
}
