import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../../daemon/api/api-client.ts';
import { Refusal } from '../../../daemon/errors.ts';
import { exampleMachine, exampleTarget } from '../../support/api-fixtures.ts';
import { FakeKubernetes } from '../../support/fake-kubernetes.ts';
import { FakeLaunch } from '../../support/fake-launch.ts';
import { endProcess, type ProcessIdentity } from '../../support/processes.ts';
import { Scratch } from '../../support/scratch.ts';
import { askApi, askHttp } from '../../support/secret-watch/ask-daemon.ts';
import { CorePlace } from '../../support/secret-watch/core-place.ts';
import { hearChild, hearOutput } from '../../support/secret-watch/hear-output.ts';
import { ProcessSearch } from '../../support/secret-watch/process-search.ts';
import { describeCounts, listMissing } from '../../support/secret-watch/secret-counts.ts';
import { SecretMatcher } from '../../support/secret-watch/secret-matcher.ts';
import { SecretWatch } from '../../support/secret-watch/secret-watch.ts';
import { createWatchedApiClient } from '../../support/secret-watch/watched-api-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ApiHarness, exampleBackend, registryOf } from '../api/api-harness.ts';

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

  it('asks for answers whenever it searches, and finds a secret in one', async () => {
    watch.addQuestion(scratch, () => {
      watch.hear('metrics', `# HELP ${secret}`);
      return Promise.resolve();
    });
    expect(await search()).to.deep.equal(['metrics: metrics']);
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

  it('leaves out the Secrets of a cluster, and nothing else of it', async () => {
    const pod = 'kubernetes/kubelet/pods/1/volumes';
    plant(scratch.directory, 'kubernetes/etcd/member/wal/1', secret);
    plant(scratch.directory, `${pod}/kubernetes.io~secret/secret/..data/secret`, secret);
    const others = [`${pod}/kubernetes.io~empty-dir/x/log`, 'kubernetes/containerd/snapshots/1/fs/tmp/x'];
    for (const path of others) plant(scratch.directory, path, secret);
    const found = (await search()).map((each) => each.replace(/^.*: /, ''));
    expect(found).to.have.members(others.map((path) => join(scratch.directory, path)));
  });

  it('finds a secret in a core file where the kernel puts it, and says when a program has them', async () => {
    const own = new SecretWatch(new CorePlace(join(scratch.directory, 'libvirt/core.%p')));
    own.start();
    own.note(secret);
    const other = { directory: '/nonexistent', runDirectory: '/nonexistent' };
    own.opened(other);
    plant(scratch.directory, 'libvirt/core.1', secret);
    own.closed(other);
    await own.stop();
    expect(own.findings.map(({ kind, where }) => `${kind}: ${where}`)).to.deep.equal([
      `core file: ${scratch.directory}/libvirt/core.1`,
    ]);
    expect(describeCounts(own.counts)).to.include('1 of core file').and.not.include('kernel');
    const piped = new SecretWatch(new CorePlace('|/usr/lib/handler %p'));
    expect(describeCounts(piped.counts)).to.include(
      'no core files, which the kernel gives to "/usr/lib/handler %p"',
    );
  });

  describe('of what the test process is told', () => {
    const heard = (): readonly string[] => [...new Set(watch.findings.map(({ kind }) => kind))];

    describe('by the API', () => {
      let harness: ApiHarness;
      let client: ApiClient;
      beforeEach(() => {
        harness = new ApiHarness();
        client = createWatchedApiClient({ socketPath: harness.socketPath }, watch);
      });
      afterEach(async () => {
        client.close();
        await harness.stop();
      });

      it('finds a secret in the answers to all that a daemon is asked when its scratch closes', async () => {
        const step = { step: 'identity', verdict: 'ok', message: secret, remedy: null, code: null } as const;
        await harness.start({
          backend: exampleBackend({
            machines: registryOf({ ...exampleMachine, emulator: secret }),
            resolve: () => Promise.resolve({ ...exampleTarget, podUid: secret }),
            explain: () => Promise.resolve({ steps: [step], candidates: [], secret: null }),
            nodeStatus: () => Promise.reject(new Refusal('internal', secret, secret)),
          }),
        });
        await askApi(client);
        const methods = ['listMachines', 'watchMachines', 'getMachine', 'resolveTarget', 'explainLaunch'];
        expect(heard()).to.have.members([...methods.map((method) => `answer of ${method}`), 'API error']);
      });

      it('finds a secret that a check was made of in the refusal of it', async () => {
        const wrong = randomBytes(32).toString('base64');
        const validateSecret = (): never => {
          throw new Refusal('secret-mismatch', `Cannot take ${wrong}`, 'try another');
        };
        await harness.start({ backend: exampleBackend({ validateSecret }) });
        await client.validateSecret(exampleMachine.vm, wrong).catch(() => undefined);
        expect(heard()).to.deep.equal(['API error']);
      });
    });

    it('finds a secret in what a daemon serves over HTTP', async () => {
      const server = createServer((_, response) => response.end(`<p>${secret}</p>`));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      await askHttp((server.address() as AddressInfo).port, watch);
      server.close();
      expect(heard()).to.deep.equal(['metrics', 'health', 'status page']);
    });

    it('finds a secret in an event, and not in the review of a token', async () => {
      const api = new FakeKubernetes(undefined, watch);
      await api.start();
      const post = async (path: string, body: object): Promise<void> => {
        await fetch(`${api.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
      };
      const spec = { token: secret, audiences: [] };
      await post('/apis/authentication.k8s.io/v1/tokenreviews', { spec });
      expect(heard()).to.deep.equal([]);
      await post('/api/v1/namespaces/default/events', { metadata: { name: 'x' }, message: secret });
      await api.stop();
      expect(heard()).to.deep.equal(['event']);
    });

    it('finds a secret in what a stub says', async () => {
      await new FakeLaunch(spawn('sh', ['-c', 'echo "$0" >&2', secret]), watch).ended;
      expect(heard()).to.deep.equal(['output of a stub']);
    });

    it('finds a secret in what a command says, but for those that are there to say it', () => {
      const say = (words: readonly string[], stdout: string, stderr = ''): void =>
        hearOutput(words, { stdout, stderr }, watch);
      say(['virsh', 'dumpxml'], secret);
      say(['node-driver', 'domain-xml'], secret);
      expect(heard()).to.deep.equal([]);
      say(['node', 'daemon/main.ts', 'resolve'], secret);
      expect(heard()).to.deep.equal(['output of a command']);
      say(['virsh', 'start'], '', secret);
      expect(heard()).to.deep.equal(['output of a command', 'stderr']);
    });

    it('finds a secret in what a child says as it goes on', async () => {
      const child = spawn('sh', ['-c', 'echo "$0"', secret], { stdio: ['ignore', 'pipe', 'inherit'] });
      hearChild(child, ['node-driver', 'machines', 'watch'], watch);
      await once(child, 'close');
      expect(heard()).to.deep.equal(['output of a command']);
    });
  });

  it('misses in a whole run each kind of thing that it has seen none of', () => {
    const counts = {
      ...watch.counts,
      files: { log: 1, state: 1, ledger: 1, file: 1 },
      heard: { metrics: 1 },
    };
    expect(listMissing(counts))
      .to.include.members([
        'audit log',
        'event',
        'output of a stub',
        'answer of explainLaunch',
        'process: shim',
      ])
      .and.not.include.members(['secret', 'log', 'metrics']);
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
      ['say-pod', 'emulator'],
      ['say-time', 'emulator'],
      ['break-out', 'emulator'],
      ['syscall-probe', 'emulator'],
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
      expect(watch.counts).to.deep.include({ secrets: 1, heard: {} });
      expect(watch.counts.files['file']).to.be.greaterThan(0);
      expect(watch.counts.samples['broker']).to.be.greaterThan(1);
      expect(watch.findings).to.deep.equal([]);
    });
  });
});
