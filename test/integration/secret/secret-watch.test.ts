import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess, type ProcessIdentity } from '../../support/processes.ts';
import { Scratch } from '../../support/scratch.ts';
import { ProcessSearch } from '../../support/secret-watch/process-search.ts';
import { SecretMatcher } from '../../support/secret-watch/secret-matcher.ts';
import { SecretWatch } from '../../support/secret-watch/secret-watch.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** What is planted here is not noted in the watch of the run, which therefore does not find it. */
describe('the watch over secrets', function () {
  this.timeout(20_000);
  let secret: string;
  let watch: SecretWatch;
  let scratch: Scratch;

  beforeEach(() => {
    secret = randomBytes(32).toString('base64');
    watch = new SecretWatch();
    watch.start();
    scratch = Scratch.open('test', watch);
    watch.note(secret);
  });
  afterEach(async () => {
    await scratch.close();
    await watch.stop();
  });

  const plant = (directory: string, path: string, text: string | Buffer): void => {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  const search = async (): Promise<readonly string[]> => {
    await watch.search(scratch);
    return watch.findings.map(({ kind, where }) => `${kind}: ${where}`);
  };

  for (const [path, kind] of [
    ['node-driver.log', 'log'],
    ['audit.jsonl', 'audit log'],
    ['lib/token-ledger', 'ledger'],
    ['core', 'core file'],
    ['core.4711', 'core file'],
    ['anything', 'file'],
  ] as const)
    it(`finds a secret in a file: ${path}`, async () => {
      plant(scratch.directory, path, `a line\n{"secret":"${secret}"}\n`);
      expect(await search()).to.deep.equal([`${kind}: ${join(scratch.directory, path)}`]);
    });

  it('finds a secret in the state of a machine, and what it finds does not show it', async () => {
    plant(scratch.runDirectory, 'driver/state/1/plan', secret);
    expect(await search()).to.deep.equal([`state: ${scratch.runDirectory}/driver/state/1/plan`]);
    expect(JSON.stringify(watch.findings)).to.not.include(secret);
  });

  for (const [form, encode] of [
    ['base64', (text: string) => Buffer.from(`${text} and more`).toString('base64')],
    ['hexadecimal digits', (text: string) => Buffer.from(text).toString('hex')],
    ['a URL', (text: string) => encodeURIComponent(text)],
  ] as const)
    it(`finds a secret in ${form}`, async () => {
      plant(scratch.directory, 'node-driver.log', encode(secret));
      expect(await search()).to.have.lengthOf(1);
    });

  it('finds a secret that lies across the chunks that a file is read in', async () => {
    plant(scratch.directory, 'core', Buffer.concat([Buffer.alloc(1024 * 1024 - 10), Buffer.from(secret)]));
    expect(await search()).to.have.lengthOf(1);
  });

  for (const kind of ['metrics', 'API answer'] as const)
    it(`finds a secret in an answer: ${kind}`, async () => {
      watch.addAnswer(scratch, { kind, read: () => Promise.resolve(`# HELP ${secret}`) });
      expect(await search()).to.deep.equal([`${kind}: ${kind}`]);
    });

  it('finds what is written while the scratch closes', async () => {
    scratch.defer('end something', () => plant(scratch.directory, 'node-driver.log', secret));
    await scratch.close();
    expect(watch.findings.map(({ kind }) => kind)).to.deep.equal(['log']);
  });

  it('leaves out libvirt’s files and the Secret volume of a pod, and nothing else of the pod', async () => {
    plant(scratch.directory, 'libvirt/log/qemu/vm.log', secret);
    plant(scratch.directory, 'pod-1/secret/..data/secret', secret);
    plant(scratch.directory, 'pod-1/rootfs/tmp/secret', secret);
    expect(await search()).to.deep.equal([`file: ${scratch.directory}/pod-1/rootfs/tmp/secret`]);
  });

  describe('of processes', () => {
    /** Starts `sleep` under another name. */
    const start = (
      name: string,
      args: readonly string[],
      environment: Readonly<Record<string, string>>,
    ): Promise<ProcessIdentity> => {
      const program = join(scratch.directory, name);
      mkdirSync(join(program, '..'), { recursive: true });
      copyFileSync('/usr/bin/sleep', program);
      chmodSync(program, 0o755);
      return scratch.startBackground(program, args, join(scratch.directory, 'output'), { environment });
    };
    const expectFound = async (what: string): Promise<void> => {
      const isFound = (): true | undefined =>
        watch.findings.map(({ kind, where }) => `${kind}: ${where}`).includes(what) ? true : undefined;
      await waitUntil(`the sampler finds ${what}`, isFound, 10_000);
    };

    for (const [name, kind] of [
      ['qemu-kube-broker', 'broker'],
      ['qemu-kube-shim', 'shim'],
      ['qemu-system-x86_64', 'emulator'],
      ['fake-emulator', 'emulator'],
    ] as const)
      it(`finds a secret in the environment of ${name}`, async () => {
        const { pid } = await start(name, ['60'], { KUBEVIRT_IO_SECRET: secret });
        await expectFound(`environ: ${kind}, process ${pid}`);
      });

    it('finds a stub that never wipes it', async () => {
      const name = 'emulators/default/qemu-system-x86_64';
      const { pid } = await start(name, ['60'], { KUBEVIRT_IO_SECRET: secret });
      await expectFound(`environ: stub, process ${pid}`);
    });

    it('finds a secret in an argument of the daemon', async () => {
      const program = join(scratch.directory, 'daemon/main.ts');
      plant(scratch.directory, 'daemon/main.ts', 'setTimeout(() => undefined, 60_000);');
      const log = join(scratch.directory, 'output');
      const { pid } = await scratch.startBackground(process.execPath, [program, `--secret=${secret}`], log);
      await expectFound(`cmdline: daemon or command, process ${pid}`);
    });

    it('allows a stub the time until it has sent it', async () => {
      const matcher = new SecretMatcher();
      matcher.add(secret);
      const ours = new ProcessSearch(matcher, 500);
      const stub = await start('emulators/default/qemu-system-x86_64', ['60'], {
        KUBEVIRT_IO_SECRET: secret,
      });
      for (let count = 0; count < 5; count++) expect(ours.look()).to.deep.equal([]);
      await sleep(600);
      expect(ours.look()).to.deep.equal([{ pid: stub.pid, kind: 'stub', place: 'environ' }]);
      // Those of other runs on this machine count, too.
      expect(ours.samples.get('stub')).to.be.at.least(12);
      await endProcess(stub, 0);
    });

    it('counts what it has searched', async () => {
      await start('qemu-kube-broker', ['60'], { HARMLESS: 'yes' });
      await sleep(1000);
      await watch.search(scratch);
      await watch.stop();
      expect(watch.counts).to.deep.include({ secrets: 1, answers: 0 });
      expect(watch.counts.files).to.be.greaterThan(0);
      expect(watch.counts.samples['broker']).to.be.greaterThan(1);
      expect(watch.findings).to.deep.equal([]);
    });
  });
});
