import fs from 'node:fs';
import path from 'node:path';

import { findPackageRoot } from '../package-root.ts';

/** What runs. */
export interface Version {
  readonly version: string;
  /** Git commit that the build was made from; empty when nobody told. */
  readonly commit: string;
  /** Version of Node, without `v`. */
  readonly nodeVersion: string;
}

/** Reads `package.json`, and `commit` beside it, which the image build writes. */
export function readVersion(root: string = findPackageRoot()): Version {
  const manifest: unknown = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest))
    throw new Error(`Cannot read the version in "${root}/package.json"; install the package again`);
  return { version: String(manifest.version), commit: readCommit(root), nodeVersion: process.versions.node };
}

export function formatVersion({ version, commit, nodeVersion }: Version): string {
  return `node-driver ${version}${commit && ` (${commit})`}, node ${nodeVersion}`;
}

function readCommit(root: string): string {
  const file = path.join(root, 'commit');
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '';
  return /^[0-9a-f]{7,64}$/u.test(text) ? text : '';
}
