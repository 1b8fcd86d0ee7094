import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyIdOf } from '../../../daemon/secret/key-id.ts';
import { sealAsRsa } from '../../../daemon/secret/seal-as-rsa.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import { composeJwe } from '../../support/compose-jwe.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { makeRsaPair } from '../../support/rsa-keys.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { findRefusals } from '../../support/start-bench.ts';

const ROUNDS = 15;
/** What the daemon waits for at least. */
const QUANTUM_MS = 100;
/** A round that takes one quantum more on a busy machine does not reach it, since the stub takes some time, too. */
const RATIO = 2;

describe('a secret that is wrong', function () {
  this.timeout(240_000);
  this.retries(0); // one success of the attacker is one too many
  const [pair, strong, foreign] = [makeRsaPair(), makeRsaPair(4096), makeRsaPair()];
  const usedId = randomUUID();
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let kid: string;

  before(async () => {
    scratch = Scratch.open('test');
    const keys = join(scratch.directory, 'keys');
    mkdirSync(keys, { mode: 0o700 });
    writeFileSync(join(keys, '1.pem'), pair.privatePem, { mode: 0o600 });
    writeFileSync(join(keys, '2.pem'), strong.privatePem, { mode: 0o600 });
    kid = await keyIdOf(pair.publicKey);
    const settings = {
      'launch-rate': 'off', // one VM has more wrong secrets here than a caller may try
      'secret-keys': keys,
      'state-directory': join(scratch.directory, 'state'),
      emulator: fakeEmulator,
    };
    driver = await startNodeDriver(scratch, { settings });
    pod = await startSandbox(scratch, { vmUuid: randomUUID(), vmName: 'right', mounts: [fakeEmulatorMount] });
    const other = await startSandbox(scratch, {
      vmUuid: randomUUID(),
      vmName: 'other',
      mounts: [fakeEmulatorMount],
    });
    const launch = launchFake(driver, other, {
      args: ['exit=0'],
      environment: { KUBEVIRT_IO_SECRET: token({ jti: usedId }, {}, other) },
    });
    const { status } = await launch.ended;
    expect(status, launch.stderr).to.equal(0);
  });
  after(() => scratch.close());

  const token = (claims: object = {}, header: object = {}, target = pod, key = pair.publicKey): string =>
    composeJwe(key, {
      header: { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid, ...header },
      payload: {
        secret: target.secret,
        sub: target.vmUuid,
        pod: target.podUid,
        exp: Math.floor(Date.now() / 1000) + 600,
        jti: randomUUID(),
        ...claims,
      },
    });

  const kinds: Readonly<Record<string, () => string>> = {
    'another plain secret': () => randomBytes(32).toString('base64'),
    'rsa that is no base64': () => 'rsa-oaep-sha256:%',
    'rsa of wrong length': () => `rsa-oaep-sha256:${randomBytes(100).toString('base64')}`,
    'rsa for another key': () => sealAsRsa(Secret.fromText(pod.secret ?? ''), foreign.publicKey),
    'rsa of another secret': () => sealAsRsa(Secret.random(), strong.publicKey),
    'jwe with a bad header': () => token({}, { zip: 'DEF' }),
    'jwe for an unknown key': () => token({}, { kid: 'A'.repeat(43) }),
    'jwe for another key': () => token({}, {}, pod, foreign.publicKey),
    'jwe with a bad tag': () => `${token().slice(0, -8)}AAAAAAAA`,
    'jwe that is too long': () => token({ secret: 'x'.repeat(20_000) }),
    'jwe without a claim': () => token({ jti: undefined }),
    'jwe of another secret': () => token({ secret: 'x' }),
    'jwe for another pod': () => token({ pod: randomUUID() }),
    'jwe that is a replay': () => token({ jti: usedId }),
  };

  it('gets the same answer in the same time, whatever is wrong with it', async function () {
    const times = new Map<string, number[]>();
    const answers = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [kind, make] of Object.entries(kinds)) {
        const environment = { KUBEVIRT_IO_SECRET: make() };
        const begin = performance.now();
        const launch = launchFake(driver, pod, { environment });
        const { status } = await launch.ended;
        const time = performance.now() - begin;
        expect(status).to.not.equal(0);
        answers.add(findRefusals(launch.stderr).join('\n'));
        expect(time, kind).to.be.at.least(QUANTUM_MS);
        times.set(kind, [...(times.get(kind) ?? []), time]);
      }
    expect([...answers]).to.have.lengthOf(1);
    expect([...answers][0]).to.match(/^Cannot accept the secret of the domain: /);

    const medians = [...times].map(
      ([kind, each]) => [kind, each.toSorted((x, y) => x - y)[ROUNDS >> 1] ?? 0] as const,
    );
    const table = medians.map(([kind, median]) => `${median.toFixed(1)} ms  ${kind}`).join('\n');
    if (process.env['KND_VERBOSE'] !== undefined) console.log(table);
    const all = medians.map(([, median]) => median);
    expect(Math.max(...all) / Math.min(...all), table).to.be.lessThan(RATIO);
  });

  it('has its reason in the log of the node, each kind its own', () => {
    const reasons = new Set([...driver.log.matchAll(/\bdetail="(.*)"/g)].map(([, detail]) => detail));
    expect(reasons.size, [...reasons].join('\n')).to.be.at.least(11);
  });
});
