import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { formatVersion, readVersion } from '../../../daemon/commands/version.ts';
import { findPackageRoot } from '../../../daemon/package-root.ts';

describe('readVersion()', () => {
  let root = '';
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-version-'));
    fs.writeFileSync(path.join(root, 'package.json'), '{"version":"3.2.1"}');
  });
  afterEach(() => fs.rmSync(root, { recursive: true }));

  it('reads the version, and no commit where none is recorded', () => {
    expect(readVersion(root)).to.deep.equal({
      version: '3.2.1',
      commit: '',
      nodeVersion: process.versions.node,
    });
  });

  it('reads the commit beside it', () => {
    fs.writeFileSync(path.join(root, 'commit'), 'c3c830c\n');
    expect(formatVersion(readVersion(root))).to.match(/^node-driver 3\.2\.1 \(c3c830c\), node /u);
  });

  it('ignores a commit that is none', () => {
    fs.writeFileSync(path.join(root, 'commit'), '$Format:%H$\n');
    expect(readVersion(root).commit).to.equal('');
  });
});

describe('findPackageRoot()', () => {
  it('finds it from the sources and from the build', () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-root-'));
    fs.mkdirSync(path.join(root, 'dist/daemon/api'), { recursive: true });
    fs.writeFileSync(path.join(root, 'package.json'), '{}');
    expect(findPackageRoot(path.join(root, 'dist/daemon/api'))).to.equal(root);
    expect(fs.existsSync(path.join(findPackageRoot(), 'proto/kubevirt'))).to.equal(true);
    fs.rmSync(root, { recursive: true });
  });

  it('throws where there is none', () => {
    expect(() => findPackageRoot('/proc')).to.throw('Cannot find package.json above "/proc"');
  });
});
