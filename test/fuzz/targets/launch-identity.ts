import { emulatorEnvironment, requestIdentity } from '../../../daemon/launch/request-identity.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import { attempt, plantedSecret } from '../attempt.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { interestingTexts, requestSeeds } from '../request-seeds.ts';
import { joinStrings, stringsOf } from './strings-of.ts';

/** Arguments and environment of a stub; the first byte of the input says where the identity may come from. */
export const launchIdentity: FuzzTarget = {
  name: 'launch-identity',
  files: ['launch/request-identity.ts', 'launch/guest-name.ts', 'target/vm-identity.ts', 'quote-text.ts'],
  seeds: [
    ...requestSeeds().flatMap(({ argv, env }) =>
      ['\0', '\x01'].map((source) => `${source}${joinStrings(argv.map(String), env.map(String))}`),
    ),
    `\0${joinStrings(['q'], interestingTexts())}`,
    `\x01${joinStrings(interestingTexts().filter(Boolean), [])}`,
    `\0${joinStrings(['q'], ['KUBEVIRT_IO_VM_NAME=x'])}`,
    `\x01${joinStrings(['q'], ['kubevirt.io.vm.name=x/y/z', 'KUBEVIRT_IO_VM_UUID=1'])}`,
    ...['', '.', 'a/..', 'a/b', '/', 'a\u2028b', 'n'.repeat(300), 'a\ufffd', 'a"\\\n\r\t\x01'].map(
      (name) => `\0${joinStrings(['q'], ['KUBEVIRT_IO_VM_UUID=1-a', `KUBEVIRT_IO_VM_NAME=${name}`])}`,
    ),
    `\0${joinStrings(['q'], ['KUBEVIRT_IO_VM_UUID=1', 'KUBEVIRT_IO_SECRET=\n'])}`,
    ...['', 'x'.repeat(65), 'a b', '\u{1f600}'].map(
      (uuid) => `\0${joinStrings(['q'], [`KUBEVIRT_IO_VM_UUID=${uuid}`])}`,
    ),
  ],
  run: (input) => {
    // Found by comparison with it: then it is no secret.
    if (input.includes(plantedSecret)) return;
    const { argv, env } = stringsOf(input.subarray(1));
    const source = (input[0] ?? 0) % 2 === 0 ? 'env' : 'env,argv';
    const plain = attempt(() => requestIdentity({ argv, env }, source));
    if ('value' in plain) checkIdentity(plain.value);
    else
      expectThat(['no-identity', 'invalid-identity'].includes(plain.code), 'a refusal is one of an identity');
    // The same with a secret that must not show itself, which may contradict another.
    const secret = Buffer.from(`KUBEVIRT_IO_SECRET=${plantedSecret}`);
    const planted = attempt(() => requestIdentity({ argv, env: [...env, secret] }, source));
    if ('value' in planted)
      expectThat(
        isSame(planted.value.secret, Secret.fromText(plantedSecret)),
        'the secret is the one that was given',
      );
    checkEnvironment([...env, secret]);
  },
};

function isSame(one: Secret | null, other: Secret): boolean {
  const key = Buffer.from('key');
  return one?.digest(key).equals(other.digest(key)) === true;
}

function checkIdentity({ vm, secret }: ReturnType<typeof requestIdentity>): void {
  expectThat(/^[0-9A-Za-z-]{1,64}$/.test(vm.uuid), 'a UUID can name a file');
  expectThat(secret?.isEmpty !== true, 'an empty secret is none');
  if (vm.name === undefined) return;
  expectThat(vm.name !== '' && Buffer.byteLength(vm.name) <= 253, 'a name is of bounded length');
  expectThat(!/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(vm.name), 'a name is of one line');
  expectThat(!vm.name.split('/').some((part) => ['', '.', '..'].includes(part)), 'a name is no path');
}

/** Everything but the secret, in its order and as it was. */
function checkEnvironment(env: readonly Buffer[]): void {
  const isSecret = (entry: Buffer): boolean =>
    /^(?:KUBEVIRT_IO_SECRET|kubevirt\.io\.secret)=/.test(entry.toString('latin1'));
  const kept = emulatorEnvironment(env);
  const expected = env.filter((entry) => !isSecret(entry));
  expectThat(
    kept.length === expected.length && kept.every((entry, index) => entry === expected[index]),
    'the environment of QEMU is that of the stub without the secret',
  );
}
