import { expect } from 'chai';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAppArmorPolicy } from '../../support/apparmor-policy.ts';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';

const selinux = join(import.meta.dirname, '../../../deploy/selinux');

describe('the policies for Linux security modules', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  /** Without AppArmor in the kernel, too. */
  const compile = (path: string): Promise<unknown> =>
    runCommand('apparmor_parser', ['--skip-kernel-load', '--skip-cache', path]);

  it('have an AppArmor profile for the stub that compiles', async () => {
    const path = join(scratch.directory, 'qemu-kube');
    writeFileSync(path, readAppArmorPolicy('qemu-kube'));
    await compile(path);
  });

  for (const name of ['local/usr.sbin.libvirtd', 'local/abstractions/libvirt-qemu'])
    it(`have the additions ${name}, which compile within a profile`, async () => {
      const path = join(scratch.directory, 'libvirt');
      writeFileSync(path, `abi <abi/3.0>,\nprofile libvirt {\n${readAppArmorPolicy(name)}}\n`);
      await compile(path);
    });

  it('have an SELinux module that compiles', async () => {
    const directory = join(scratch.directory, 'selinux');
    mkdirSync(directory);
    copyFileSync(join(selinux, 'Makefile'), join(directory, 'Makefile'));
    for (const suffix of ['te', 'fc'])
      copyFileSync(
        join(selinux, `kubevirt_node_driver.${suffix}`),
        join(directory, `kubevirt_node_driver.${suffix}`),
      );
    await runCommand('make', ['-s', '-C', directory]);
    const contexts = readFileSync(join(selinux, 'kubevirt_node_driver.fc'), 'utf8');
    const module = readFileSync(join(directory, 'kubevirt_node_driver.pp'));
    expect(module.includes(contexts)).to.equal(true);
    expect(statSync(join(directory, 'kubevirt_node_driver.pp')).size).to.be.greaterThan(contexts.length);
  });
});
