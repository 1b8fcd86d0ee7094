import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDomainXml } from '../../support/domain-xml.ts';
import { runNodeDriver, type CommandOutcome } from '../../support/run-command-line.ts';
import { Scratch } from '../../support/scratch.ts';

const local = '/usr/bin/qemu-system-x86_64';

describe('node-driver install --hook', () => {
  let scratch: Scratch;
  let target: string;
  let hooks: string;
  let hook: string;
  beforeEach(() => {
    scratch = Scratch.open('test');
    // A name that means something to a shell.
    target = join(scratch.directory, "emulators it's $HOME");
    hooks = join(scratch.directory, 'hooks');
    hook = join(hooks, 'qemu.d/kubevirt-node-driver');
    for (const directory of [target, hooks]) mkdirSync(directory, { mode: 0o755 });
  });
  afterEach(() => scratch.close());

  const install = (...args: readonly string[]): Promise<CommandOutcome> =>
    runNodeDriver('install', '--target', target, '--local', local, '--hook', hooks, ...args);
  const uninstall = (...args: readonly string[]): Promise<CommandOutcome> =>
    runNodeDriver('uninstall', '--target', target, '--hook', hooks, ...args);

  /** What the hook says of a domain, `null` where it lets it start. */
  const judge = (xml: string, operation = 'prepare'): string | null => {
    const { status, stderr } = spawnSync(hook, ['vm', operation, 'begin', '-'], {
      input: xml,
      encoding: 'utf8',
      env: { PATH: '/nonexistent' }, // it needs no programs
    });
    expect(status === 0).to.equal(stderr === '', stderr);
    return status === 0 ? null : stderr;
  };
  const domain = (emulator: string, isOfPod = true): string =>
    buildDomainXml({
      name: 'vm',
      uuid: '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10',
      emulator,
      serialSocket: '/s',
      environment: isOfPod ? { KUBEVIRT_IO_VM_UUID: '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10' } : { OTHER: 'a' },
    }).replaceAll('&#39;', "'");

  it('puts a hook beside others, leaves it alone when it is right, and removes it', async () => {
    writeFileSync(join(hooks, 'qemu'), 'of somebody');
    expect((await install()).out).to.include(`${hook} is installed\n`);
    expect(statSync(hook).mode.toString(8)).to.equal('100755');
    const { ctimeMs } = statSync(hook);
    expect(JSON.parse((await install('--json')).out)).to.include({ stub: 'unchanged', hook: 'unchanged' });
    expect(statSync(hook).ctimeMs).to.equal(ctimeMs);
    chmodSync(hook, 0o644);
    expect(JSON.parse((await install('--json')).out)).to.include({ hook: 'replaced' });
    expect((await uninstall()).out).to.include(`${hook} was removed\n`);
    expect(readdirSync(hooks).sort()).to.deep.equal(['qemu', 'qemu.d']);
    expect(await uninstall()).to.include({ status: 0, err: '' });
  });

  it("leaves somebody else's hook of that name, and says what stands in the way", async () => {
    mkdirSync(join(hooks, 'qemu.d'));
    writeFileSync(hook, '#!/bin/sh\n');
    expect((await install()).err).to.match(
      /^Cannot install: .* is a hook of somebody else; move it away: mv /u,
    );
    expect(JSON.parse((await uninstall('--json')).out)).to.have.nested.property('problem.code', 'hook');
    expect(readFileSync(hook, 'utf8')).to.equal('#!/bin/sh\n');
    const missing = await runNodeDriver(
      'install',
      '--target',
      target,
      '--local',
      local,
      '--hook',
      '/nonexistent/a',
    );
    expect(missing).to.include({ status: 1 });
    expect(missing.err).to.include('install -d -m 755 /nonexistent/a');
    expect(await runNodeDriver('install', '--hook', 'relative')).to.include({ status: 2 });
  });

  it('lets a domain of a pod start by a stub, and by nothing else', async () => {
    await install();
    expect(judge(domain(`${target}/default/qemu-system-x86_64`))).to.equal(null);
    const others = [
      '/usr/bin/qemu-system-x86_64',
      `${target}/qemu-system-x86_64`,
      `${target}/default/deeper/qemu-system-x86_64`,
      `${target}/../x/qemu-system-x86_64`,
      `${target}/default/../../../../usr/bin/qemu-system-x86_64`,
      `${target}/./qemu-system-x86_64`,
      `${target}//qemu-system-x86_64`,
      `${target}/default/`,
      `${target}-other/default/qemu-system-x86_64`,
      `/prefix${target}/default/qemu-system-x86_64`,
      '',
    ];
    for (const emulator of others)
      expect(judge(domain(emulator)), emulator).to.match(
        /^Cannot start the VM: .*; set <emulator> to a stub below /u,
      );
  });

  it('is not misled by an emulator in the metadata, nor by a domain without any', async () => {
    await install();
    const stub = `${target}/default/qemu-system-x86_64`;
    const fake = `  <metadata>\n<a:b xmlns:a='a'>\n<emulator>${stub}</emulator>\n</a:b>\n</metadata>\n  <devices>`;
    expect(judge(domain('/usr/bin/qemu-system-x86_64').replace('<devices>', fake))).to.include(
      '/usr/bin/qemu',
    );
    expect(judge(domain('x').replace('<emulator>x</emulator>', ''))).to.include('has no emulator');
  });

  it('has nothing to say of other domains and other operations', async () => {
    await install();
    expect(judge(domain('/usr/bin/qemu-system-x86_64', false))).to.equal(null);
    for (const operation of [
      'start',
      'started',
      'stopped',
      'release',
      'migrate',
      'restore',
      'reconnect',
      'attach',
    ])
      expect(judge(domain('/usr/bin/qemu-system-x86_64'), operation), operation).to.equal(null);
  });
});
