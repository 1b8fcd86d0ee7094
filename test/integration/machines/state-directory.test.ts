import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { StateDirectory, type MachineRecord } from '../../../daemon/machines/state-directory.ts';
import { plainMachine } from '../../support/plain-machine.ts';

const record: MachineRecord = {
  version: 1,
  bootId: 'boot',
  machine: { ...plainMachine, launchId: 'one', podUid: null, state: 'starting' },
  shimCgroups: ['/cg'],
};

describe('StateDirectory', () => {
  let directory: string;
  let state: StateDirectory;
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-state-'));
    state = new StateDirectory(directory);
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  it('gives back what was written, which only root can read', () => {
    state.create(record);
    expect(state.list()).to.deep.equal(['one']);
    expect(state.read('one')).to.deep.equal(record);
    expect(fs.statSync(state.directoryOf('one')).mode & 0o777).to.equal(0o700);
    expect(fs.readdirSync(state.directoryOf('one'))).to.deep.equal(['launch.json']);
    expect(fs.statSync(path.join(state.directoryOf('one'), 'launch.json')).mode & 0o777).to.equal(0o600);
    state.remove('one');
    state.remove('one');
    expect(state.list()).to.deep.equal([]);
  });

  it('forgets a launch before it is removed: what is left of a removal that breaks off is no machine', () => {
    state.create(record);
    const obstacle = path.join(state.directoryOf('one'), 'obstacle');
    fs.mkdirSync(obstacle);
    execFileSync('mount', ['-t', 'tmpfs', 'none', obstacle]);
    try {
      state.forget('one');
      expect(() => state.remove('one')).to.throw('resource busy');
      expect([state.list(), state.read('one')]).to.deep.equal([['one'], null]);
    } finally {
      execFileSync('umount', [obstacle]);
    }
  });

  it('notes that QEMU runs also where a daemon was killed while it noted that', () => {
    state.create(record);
    fs.writeFileSync(path.join(state.directoryOf('one'), 'started.new'), 'star');
    state.writeStarted('one', 'started 1 1\n');
    expect(state.readFile('one', 'started')).to.equal('started 1 1\n');
    expect(fs.readdirSync(state.directoryOf('one'))).to.have.members(['launch.json', 'started']);
  });

  it('never writes over another launch', () => {
    state.create(record);
    expect(() => state.create(record)).to.throw('EEXIST');
  });

  it('lists directories only', () => {
    fs.writeFileSync(path.join(directory, 'file'), '');
    fs.symlinkSync('/', path.join(directory, 'link'));
    expect(state.list()).to.deep.equal([]);
  });

  it('has no file of the shim before the shim wrote it', () => {
    state.create(record);
    expect(state.readFile('one', 'exit')).to.equal(null);
    expect(state.readFile('none', 'started')).to.equal(null);
    expect(state.read('none')).to.equal(null);
  });
});
