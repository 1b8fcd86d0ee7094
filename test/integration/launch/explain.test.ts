import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { matchSchema } from '../../support/match-schema.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { createWatchedApiClient } from '../../support/secret-watch/watched-api-client.ts';
import { skip } from '../../support/skip.ts';

interface Explained {
  readonly exit: number;
  readonly wouldStart: boolean;
  readonly steps: readonly { readonly step: string; readonly verdict: string; readonly message: string }[];
  readonly candidates: readonly { readonly pid: number; readonly reason: string | null }[];
}

describe('node-driver explain', function () {
  this.timeout(120_000);
  const vmUuid = randomUUID();
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let xml: string;
  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch);
    pod = await startSandbox(scratch, { vmUuid, vmName: 'testvm' });
    xml = `<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <name>testvm</name><uuid>${vmUuid}</uuid><devices><emulator>${driver.emulator}</emulator></devices>
      <qemu:commandline>
        <qemu:env name='KUBEVIRT_IO_VM_UUID' value='${vmUuid}'/>
        <qemu:env name='KUBEVIRT_IO_VM_NAME' value='testvm'/>
        <qemu:env name='KUBEVIRT_IO_SECRET' value='${pod.secret ?? ''}'/>
      </qemu:commandline></domain>`;
  });
  after(() => scratch.close());

  const explain = async (...args: readonly string[]): Promise<Explained> => {
    const all = ['explain', ...args, '--json', '--socket', driver.apiSocket];
    const { status, stdout, stderr } = await driver.run(all, { allowFailure: true });
    expect(stderr).to.equal('');
    expect(stdout).to.not.include(String(pod.secret));
    matchSchema('explain', stdout);
    return { exit: status, ...(JSON.parse(stdout) as Omit<Explained, 'exit'>) };
  };
  const domain = async (text: string): Promise<Explained> => {
    // Not in the scratch, where no file may have the secret.
    const file = join('/tmp', `${scratch.id}.xml`);
    writeFileSync(file, text, { mode: 0o600 });
    scratch.defer('remove the domain', () => rmSync(file, { force: true }));
    return explain('--domain', file);
  };
  const verdicts = ({ steps }: Explained): readonly string[] =>
    steps.map(({ step, verdict }) => `${step} ${verdict}`);
  const messageOf = ({ steps }: Explained, wanted: string): string =>
    steps.find(({ step }) => step === wanted)?.message ?? '';

  it('goes through all of a launch that would succeed, and starts nothing', async () => {
    const answer = await domain(xml);
    expect(verdicts(answer)).to.deep.equal([
      'domain ok',
      'identity ok',
      'profile ok',
      'target ok',
      'secret ok',
      'kubernetes skipped',
      'running ok',
      'plan ok',
    ]);
    expect(answer).to.include({ exit: 0, wouldStart: true });
    const [candidate] = answer.candidates;
    expect(candidate).to.include({ pid: pod.pid, reason: null });
    expect(candidate).to.have.all.keys('pid', 'podUID', 'containerID', 'reason');
    expect(pod.processes).to.deep.equal([pod.pid]);
  });

  it('tells why a secret, a name, a uuid and an emulator do not do', async () => {
    const wrong = await domain(xml.replace(String(pod.secret), 'another'));
    expect(wrong).to.include({ exit: 1, wouldStart: false });
    expect(verdicts(wrong)).to.include('secret refused');
    const named = await domain(xml.replace("VM_NAME' value='testvm'", "VM_NAME' value='othervm'"));
    expect(verdicts(named)).to.include('target refused');
    expect(named.candidates.find(({ pid }) => pid === pod.pid)?.reason).to.equal(
      'has the uuid, but its name is "testvm", not "othervm"',
    );
    const upper = await explain(vmUuid.toUpperCase());
    expect(upper.candidates.find(({ pid }) => pid === pod.pid)?.reason).to.match(
      /differs in case or dashes$/u,
    );
    const foreign = await domain(xml.replace(driver.emulator, '/usr/bin/qemu-system-x86_64'));
    expect(verdicts(foreign)).to.include('profile refused');
    expect(messageOf(foreign, 'profile')).to.match(/is no stub that is installed here$/u);
    const silent = await domain(xml.replace(/ xmlns:qemu='[^']*'/u, ''));
    expect(verdicts(silent)).to.include('domain warning').and.include('identity refused');
    const malformed = await explain('not/a/uuid');
    expect(verdicts(malformed)).to.deep.equal(['identity refused']);
  });

  it('without a secret tells whether the pod holds one', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const answer = await explain(vmUuid);
    expect(answer).to.include({ exit: 0 });
    expect(messageOf(answer, 'secret')).to.match(/^none is given to compare; the pod holds one in /u);
  });

  it('tells nothing of other paths than those of installed stubs, whatever is there', async () => {
    const directory = dirname(driver.emulator);
    const elsewhere = join(scratch.directory, 'a-link-to-the-stub');
    symlinkSync(driver.emulator, elsewhere);
    linkSync(driver.emulator, join(scratch.directory, 'the-stub-itself'));
    const link = join(directory, 'a-link');
    symlinkSync('/etc/shadow', link);
    const asked = [
      '/etc/shadow',
      '/etc/shadow/nothing',
      '/nonexistent',
      elsewhere,
      join(scratch.directory, 'the-stub-itself'),
      link,
      directory,
      `${directory}/local`,
      `${directory}/nothing`,
      `${directory}/../default/qemu-system-x86_64`,
      `${directory}//qemu-system-x86_64`,
    ];
    try {
      for (const emulator of asked) {
        const answer = await explain(vmUuid, '--emulator', emulator);
        expect(verdicts(answer), emulator).to.include('profile refused');
        expect(messageOf(answer, 'profile')).to.equal(
          `the emulator "${emulator}" is no stub that is installed here`,
        );
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    } finally {
      rmSync(link);
    }
    const installed = await explain(vmUuid, '--emulator', driver.emulator);
    expect(messageOf(installed, 'profile')).to.match(/^profile "default", fork mode, /u);
  });

  it('is not held up by a file system that does not answer', async function () {
    const mountPoint = join(scratch.directory, 'hanging');
    mkdirSync(mountPoint);
    let fuse: number;
    try {
      fuse = openSync('/dev/fuse', 'r+');
    } catch {
      skip(this, 'there is no /dev/fuse');
    }
    try {
      // Nobody ever answers: whoever looks below waits until the connection is closed.
      const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
      const { status } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'none', mountPoint], {
        stdio: ['ignore', 'ignore', 'ignore', fuse],
      });
      if (status !== 0) skip(this, 'FUSE cannot be mounted here');
      // By a client with a deadline: a daemon that hangs must not keep this file system from being ended.
      const client = createWatchedApiClient({ socketPath: driver.apiSocket, deadlineMs: 10_000 });
      try {
        const vm = { uuid: vmUuid, name: '' };
        const { steps } = await client.explainLaunch({ vm, emulator: join(mountPoint, 'qemu') });
        expect(steps.find(({ step }) => step === 'profile')?.message).to.match(
          /is no stub that is installed/u,
        );
      } finally {
        client.close();
      }
    } finally {
      closeSync(fuse);
      spawnSync('umount', ['-l', mountPoint]);
    }
    expect(await driver.isReady()).to.equal(true);
  });

  it('is limited as checks of secrets are', async () => {
    const client = createWatchedApiClient({ socketPath: driver.apiSocket });
    const ask = (): Promise<unknown> => client.explainLaunch({ vm: { uuid: vmUuid, name: '' } });
    try {
      // At once: the limit is refilled by the second.
      const outcomes = await Promise.allSettled(Array.from({ length: 40 }, ask));
      const refusals = outcomes.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
      expect(refusals.join('\n')).to.match(/this user made too many checks/u);
    } finally {
      client.close();
    }
  });
});
