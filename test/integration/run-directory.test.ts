import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { createLibc } from '../../daemon/host/libc.ts';
import { makeRunDirectory, type RunDirectory } from '../../daemon/run-directory.ts';

const libc = createLibc();

describe('makeRunDirectory()', () => {
  let parent: string;
  let root: string;
  const made: RunDirectory[] = [];
  const make = (launchGid = 36): RunDirectory => {
    const run = makeRunDirectory(root, { launchGid, libc });
    made.push(run);
    return run;
  };
  beforeEach(() => {
    parent = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-run-'));
    root = path.join(parent, 'driver');
  });
  afterEach(() => {
    for (const each of made.splice(0)) each[Symbol.dispose]();
    fs.rmSync(parent, { recursive: true });
  });
  const access = (name: string): string => {
    const { mode, uid, gid } = fs.statSync(path.join(root, name));
    return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
  };

  it('gives each directory its owner and mode, again when they were changed', () => {
    make()[Symbol.dispose]();
    fs.chmodSync(path.join(root, 'state'), 0o777);
    fs.chownSync(path.join(root, 'launch'), 0, 12_345);
    const run = make(37);
    expect(['', 'launch', 'api', 'state'].map(access)).to.deep.equal([
      '755 0:0',
      '750 0:37',
      '750 0:0',
      '700 0:0',
    ]);
    expect([run.launchSocket, run.apiSocket, run.state]).to.deep.equal(
      ['launch/launch.sock', 'api/api.sock', 'state'].map((name) => path.join(root, name)),
    );
  });

  it('is for one daemon at a time, and free again when that has gone', () => {
    const first = make();
    expect(() => make()).to.throw(
      `Cannot serve in "${root}": another node-driver already does; stop it first, or set another "run-directory"`,
    );
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    make();
  });

  for (const name of ['', 'launch', 'api', 'state'])
    it(`refuses "${name}" where it is a symlink, a file, or somebody else's`, () => {
      const target = path.join(root, name);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.symlinkSync(parent, target);
      expect(() => make()).to.throw(
        `Cannot use "${path.join(root, name)}": it is not a directory; remove it`,
      );
      fs.unlinkSync(target);
      fs.mkdirSync(target);
      fs.chownSync(target, 12_345, 0);
      expect(() => make()).to.throw('it belongs to uid 12345, not to root; remove it');
      fs.rmdirSync(target);
      fs.writeFileSync(target, '');
      expect(() => make()).to.throw(/is not a directory|EEXIST/);
      fs.unlinkSync(target);
      make();
    });
});
