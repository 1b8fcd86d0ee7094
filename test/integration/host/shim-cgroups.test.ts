import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';

import { viewHost } from '../../../daemon/host/host-view.ts';
import { ShimCgroups } from '../../../daemon/host/shim-cgroups.ts';
import { listCgroupRoots } from '../../support/cgroups.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('ShimCgroups', () => {
  const cgroups = new ShimCgroups(viewHost('/proc').hierarchies, '');

  it('makes a cgroup in every hierarchy that takes a process, and removes it once that has gone', async () => {
    const launchId = randomUUID();
    const directories = cgroups.create(launchId);
    const child = spawn('sleep', ['100'], { stdio: 'ignore' });
    try {
      expect(directories).to.have.lengthOf(listCgroupRoots().length);
      expect(cgroups.list()).to.include(launchId);
      expect(cgroups.listOld()).to.not.include(launchId);
      expect(cgroups.processes(launchId)).to.deep.equal([]);
      // Also a cpuset of v1, which nobody may join before it has CPUs.
      for (const directory of directories) fs.writeFileSync(`${directory}/cgroup.procs`, String(child.pid));
      expect(cgroups.processes(launchId)).to.deep.equal([child.pid]);
      expect(cgroups.remove(launchId)).to.equal(false);
      expect(directories.every((directory) => fs.existsSync(directory))).to.equal(true);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await waitUntil('it is removed', () => (cgroups.remove(launchId) ? true : undefined), 5000);
    }
    expect(directories.some((directory) => fs.existsSync(directory))).to.equal(false);
    expect(cgroups.list()).to.not.include(launchId);
  });

  it('gives them ten times the weight of an ordinary cgroup, all of them together', function () {
    const parents = listCgroupRoots().map((root) => `${root}/kubevirt-node-driver`);
    if (parents.some((parent) => fs.existsSync(parent))) skip(this, 'shims run on this machine');
    const launchId = randomUUID();
    cgroups.create(launchId);
    try {
      const weights = parents.flatMap((parent) =>
        ['cpu.weight', 'cpu.shares']
          .map((file) => `${parent}/${file}`)
          .filter((file) => fs.existsSync(file))
          .map((file) => fs.readFileSync(file, 'latin1').trim()),
      );
      expect(weights).to.have.lengthOf(1);
      expect(weights[0]).to.be.oneOf(['1000', '10240']);
    } finally {
      cgroups.remove(launchId);
    }
  });

  it('makes them also while another daemon removes the parent whenever it is empty', async function () {
    this.timeout(30_000);
    const parents = listCgroupRoots().map((root) => `${root}/kubevirt-node-driver`);
    const remover = spawn('perl', ['-e', 'while (1) { rmdir for @ARGV }', ...parents], { stdio: 'ignore' });
    try {
      await once(remover, 'spawn');
      for (let count = 0; count < 2000; count++) {
        const launchId = randomUUID();
        for (const directory of cgroups.create(launchId)) {
          expect(fs.existsSync(directory)).to.equal(true);
          // Without CPUs nobody may join one of version 1.
          if (fs.existsSync(`${directory}/cgroup.clone_children`) && directory.includes('cpuset'))
            expect(fs.readFileSync(`${directory}/cpuset.cpus`, 'latin1')).to.not.equal('\n');
        }
        expect(cgroups.remove(launchId)).to.equal(true);
      }
    } finally {
      remover.kill('SIGKILL');
      await once(remover, 'exit');
    }
  });

  it('is content with what is not there', () => {
    const launchId = randomUUID();
    expect(cgroups.processes(launchId)).to.deep.equal([]);
    expect(cgroups.remove(launchId)).to.equal(true);
  });
});
