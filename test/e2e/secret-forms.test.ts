import { expect } from 'chai';
import { createPublicKey, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeJwe } from '../support/compose-jwe.ts';
import { launchFake } from '../support/fake-launch.ts';
import { runCommand } from '../support/run-command.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { findRefusals, StartBench } from '../support/start-bench.ts';
import { waitUntil } from '../support/wait-until.ts';

const mismatch =
  'Cannot accept the secret of the domain: it is not the one in the pod, or not for this VM and pod; set ' +
  'KUBEVIRT_IO_SECRET to what "/etc/kubevirt/node-driver/secret" of the pod holds, or seal that anew; the log of the ' +
  'node driver has the reason';

/** A key pair that `node-driver secret keygen` has made. */
interface KeyPair {
  readonly kid: string;
  readonly privateFile: string;
  readonly publicFile: string;
}

describe('a secret that the domain carries sealed', function () {
  this.timeout(60_000);
  let bench: StartBench;
  let keys: string;
  let state: string;
  let first: KeyPair;

  before(async function () {
    this.timeout(120_000);
    bench = await StartBench.open();
    keys = join(bench.scratch.directory, 'keys');
    state = join(bench.scratch.directory, 'state');
    mkdirSync(keys, { mode: 0o700 });
    first = await keygen('first');
    await restart();
  });
  after(async function () {
    this.timeout(60_000);
    await bench.scratch.close();
  });
  afterEach(() => bench.removePods());

  const restart = async (
    settings: Readonly<Record<string, string>> = {},
    signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM',
  ): Promise<void> => {
    await bench.driver.end(signal);
    bench.driver.configure({
      'secret-keys': keys,
      'state-directory': state,
      'launch-rate': 'off', // one VM has more wrong secrets here than a caller may try
      ...settings,
    });
    await bench.driver.start();
  };
  const keygen = async (name: string, ...more: readonly string[]): Promise<KeyPair> => {
    const privateFile = join(keys, `${name}.pem`);
    const publicFile = join(bench.scratch.directory, `${name}.pub.pem`);
    const args = ['--out', privateFile, '--public', publicFile, '--bits', '2048', '--json', ...more];
    const { stdout } = await bench.driver.run(['secret', 'keygen', ...args]);
    return { kid: String(/"kid":"([^"]+)"/.exec(stdout)?.[1]), privateFile, publicFile };
  };
  const secretFile = (pod: Sandbox): string => {
    const file = join(bench.scratch.directory, `secret-${pod.podUid}`);
    writeFileSync(file, pod.secret ?? '', { mode: 0o600 });
    return file;
  };
  /** By our own command. */
  const seal = async (pod: Sandbox, pair = first, ttl = '10m'): Promise<string> => {
    const args = ['--key', pair.publicFile, '--uuid', pod.vmUuid, '--pod-uid', pod.podUid, '--ttl', ttl];
    const { stdout } = await bench.driver.run(['secret', 'seal', ...args, '--secret-file', secretFile(pod)]);
    return stdout.split('\n')[0] ?? '';
  };
  /** By the other implementation. */
  const compose = (pod: Sandbox, claims: object = {}, header: object = {}, pair = first): string =>
    composeJwe(createPublicKey(readFileSync(pair.publicFile)), {
      header: { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: pair.kid, ...header },
      payload: {
        secret: pod.secret,
        sub: pod.vmUuid,
        pod: pod.podUid,
        exp: Math.floor(Date.now() / 1000) + 600,
        jti: randomUUID(),
        ...claims,
      },
    });
  /** By OpenSSL itself. */
  const sealByOpenssl = async (pod: Sandbox, ...options: readonly string[]): Promise<string> => {
    const out = join(bench.scratch.directory, 'sealed');
    const pkeyopts = options.flatMap((option) => ['-pkeyopt', option]);
    const key = ['-pubin', '-inkey', first.publicFile];
    await runCommand('openssl', [
      'pkeyutl',
      '-encrypt',
      ...key,
      ...pkeyopts,
      '-in',
      secretFile(pod),
      '-out',
      out,
    ]);
    return `rsa-oaep-sha256:${readFileSync(out).toString('base64')}`;
  };
  const oaep = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'];
  const start = (pod: Sandbox, token: string): Promise<void> =>
    bench.start(pod, { KUBEVIRT_IO_SECRET: token });
  /** Gives what the daemon's log says about it, which the caller is not told. */
  const refuse = async (pod: Sandbox, token: string): Promise<string> => {
    const before = bench.driver.log.length;
    const vm = { uuid: pod.vmUuid, name: pod.vmName };
    expect(await bench.refuse(vm, { KUBEVIRT_IO_SECRET: token }, 'secret-mismatch')).to.equal(mismatch);
    const detail = /\bdetail=("?)(.*)\1/.exec(bench.driver.log.slice(before))?.[2];
    expect(detail, bench.driver.log.slice(before)).to.be.a('string');
    return detail ?? '';
  };

  describe('starts its VM', () => {
    it('as it is, where all forms are accepted', async () => bench.start(await bench.startPod()));

    it('by "openssl pkeyutl"', async () => {
      const pod = await bench.startPod();
      await start(pod, await sealByOpenssl(pod, ...oaep));
    });

    it('by "node-driver secret seal"', async () => {
      const pod = await bench.startPod();
      await start(pod, await seal(pod));
    });

    it('by another implementation of JWE', async () => {
      const pod = await bench.startPod();
      await start(pod, compose(pod));
    });

    it('again and again with one token in the same pod, also with the next daemon', async () => {
      const pod = await bench.startPod();
      const token = await seal(pod);
      await start(pod, token);
      await start(pod, token);
      await restart({}, 'SIGKILL');
      await start(pod, token);
    });

    it('after "virsh managedsave", with the token of its start', async () => {
      const pod = await bench.startPod();
      await bench.define({ uuid: pod.vmUuid, name: pod.vmName }, { KUBEVIRT_IO_SECRET: await seal(pod) });
      for (const command of ['start', 'managedsave', 'start', 'destroy'])
        await bench.libvirt.virsh([command, pod.vmName]);
    });

    it('in a pod that is older than "secret-lifetime", while the token counts', async () => {
      await restart({ 'secret-lifetime': '0s' });
      try {
        const pod = await bench.startPod();
        await start(pod, await seal(pod));
      } finally {
        await restart();
      }
    });
  });

  describe('does not start a VM', () => {
    it('in another pod of the VM, even with the same secret', async () => {
      const pod = await bench.startPod();
      const token = await seal(pod);
      await start(pod, token);
      const vm = { uuid: pod.vmUuid, name: pod.vmName };
      await bench.removePods();
      const other = await bench.startPod({ secret: pod.secret ?? '' }, vm);
      expect(await refuse(other, token)).to.include('\\"pod\\" is not the UID of this pod');
    });

    it('with a token id that another VM has used, also with the next daemon', async () => {
      const pod = await bench.startPod();
      const other = await bench.startPod();
      const jti = randomUUID();
      await start(pod, compose(pod, { jti }));
      expect(await refuse(other, compose(other, { jti }))).to.include('it is a replay');
      await restart({}, 'SIGKILL');
      expect(await refuse(other, compose(other, { jti }))).to.include('it is a replay');
      await start(pod, compose(pod, { jti }));
    });

    it('twice, when two pods use one token id at once', async function () {
      this.retries(0); // one success of the attacker is one too many
      const pods = [await bench.startPod(), await bench.startPod()] as const;
      const jti = randomUUID();
      const args = ['-S', '-display', 'none', '-machine', 'none'];
      const launches = pods.map((pod) => {
        const token = compose(pod, { jti });
        bench.expectNowhere(token);
        return launchFake(bench.driver, pod, { args, environment: { KUBEVIRT_IO_SECRET: token } });
      });
      await Promise.race(launches.map(({ ended }) => ended));
      await waitUntil(
        'one of them runs',
        () => (pods.filter(({ processes }) => processes.length === 2).length === 1 ? true : undefined),
        5000,
      );
      for (const { stub, ended } of launches) {
        stub.kill('SIGTERM');
        await ended;
      }
      expect(launches.flatMap(({ stderr }) => findRefusals(stderr))).to.deep.equal([mismatch]);
    });

    it('once the token has expired', async () => {
      const pod = await bench.startPod();
      const vm = { uuid: pod.vmUuid, name: pod.vmName };
      const token = compose(pod, { exp: Math.floor(Date.now() / 1000) - 1 });
      expect(await bench.refuse(vm, { KUBEVIRT_IO_SECRET: token }, 'secret-expired')).to.match(
        /^Cannot accept the token of the domain: it expired at 20\S+Z, \d+ s ago; seal the secret anew, and start the VM before the token's "exp"$/,
      );
    });

    const wrong: readonly (readonly [string, (pod: Sandbox) => string | Promise<string>, string])[] = [
      ['by OAEP with SHA-1', (pod) => sealByOpenssl(pod, 'rsa_padding_mode:oaep'), 'none of the keys'],
      ['by PKCS#1 v1.5', (pod) => sealByOpenssl(pod, 'rsa_padding_mode:pkcs1'), 'none of the keys'],
      ['with another secret', (pod) => compose(pod, { secret: 'of somebody else' }), 'is not what'],
      ['for another VM', (pod) => compose(pod, { sub: randomUUID() }), '"sub\\"'],
      ['without an end', (pod) => compose(pod, { exp: undefined }), '"exp\\" is missing'],
      [
        'for longer than "secret-token-lifetime"',
        (pod) => compose(pod, { exp: Date.now() / 1000 + 90_000 }),
        '"exp\\"',
      ],
      ['compressed', (pod) => compose(pod, {}, { zip: 'DEF' }), '"zip\\"'],
      ['for a key that the node has not', (pod) => compose(pod, {}, { kid: 'A'.repeat(43) }), '"kid\\"'],
      ['and changed on the way', (pod) => `${compose(pod).slice(0, -4)}AAAA`, 'does not open it'],
    ];
    for (const [what, make, detail] of wrong)
      it(`sealed ${what}`, async () => {
        const pod = await bench.startPod();
        expect(await refuse(pod, await make(pod))).to.include(detail.replace(/^"/, '\\"'));
      });

    it('in a form that "secret-forms" has not', async () => {
      await restart({ 'secret-forms': 'jwe' });
      try {
        const pod = await bench.startPod();
        expect(await refuse(pod, pod.secret ?? '')).to.include('the form plain is not accepted');
        expect(await refuse(pod, await sealByOpenssl(pod, ...oaep))).to.include(
          'the form rsa is not accepted',
        );
        await start(pod, await seal(pod));
      } finally {
        await restart();
      }
    });
  });

  describe('for a key that is replaced', () => {
    it('counts until the old key is removed, and no restart is needed', async () => {
      const pod = await bench.startPod();
      const old = await keygen('old');
      const [oldToken, oldRsa] = [compose(pod, {}, {}, old), await seal(pod, old)];
      await start(pod, oldToken);
      const fresh = await keygen('fresh');
      await start(pod, compose(pod, {}, {}, fresh));
      await start(pod, oldRsa);
      rmSync(old.privateFile);
      expect(await refuse(pod, oldToken)).to.include('no key of this node');
      await start(pod, await seal(pod, fresh));
      rmSync(fresh.privateFile);
    });

    it('does not count while others can read the key', async () => {
      const pod = await bench.startPod();
      const pair = await keygen('open');
      const token = compose(pod, {}, {}, pair);
      await start(pod, token);
      chmodSync(pair.privateFile, 0o640);
      expect(await refuse(pod, token)).to.include('no key of this node');
      expect(bench.driver.log).to.include(`chmod 600 ${pair.privateFile}`);
      chmodSync(pair.privateFile, 0o600);
      await start(pod, token);
      rmSync(pair.privateFile);
    });

    it('keeps the daemon from starting where others can read the key', async () => {
      const pair = await keygen('readable');
      chmodSync(pair.privateFile, 0o644);
      await bench.driver.end();
      try {
        const { status, stderr } = await bench.driver.run(['serve', '--config', bench.driver.configPath], {
          allowFailure: true,
        });
        expect(status).to.equal(1);
        expect(stderr).to.include(pair.privateFile).and.include('(mode 644)').and.include('chmod 600');
      } finally {
        rmSync(pair.privateFile);
        await bench.driver.start();
      }
    });
  });

  describe('when all is done', () => {
    it('is kept nowhere: neither in the log nor in the state nor in the ledger, which root alone can read', () => {
      expect(statSync(state).mode & 0o7777).to.equal(0o700);
      const file = join(state, 'token-ledger');
      expect(statSync(file).mode & 0o7777).to.equal(0o600);
      expect(readFileSync(file, 'latin1')).to.match(
        /^kubevirt-node-driver token ledger 1\n([0-9a-f]{64} [0-9a-f]{64} \d{15} [0-9a-f]{16}\n)+$/,
      );
      bench.expectNoSecret();
    });
  });
});
