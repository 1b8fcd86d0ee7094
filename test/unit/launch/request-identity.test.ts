import { expect } from 'chai';
import { emulatorEnvironment, requestIdentity } from '../../../daemon/launch/request-identity.ts';
import type { IdentitySource } from '../../../daemon/launch/request-identity.ts';
import { codeOf, refusalOf } from './code-of.ts';

const uuid = 'c1f8e7a0-8f2c-4c3e-9d3f-0a1b2c3d4e5f';
const other = 'aaaaaaaa-8f2c-4c3e-9d3f-0a1b2c3d4e5f';

function identify(
  env: readonly (string | Buffer)[],
  argv: readonly string[] = [],
  source: IdentitySource = 'env',
) {
  const { vm, secret } = requestIdentity(
    { env: env.map((entry) => Buffer.from(entry)), argv: argv.map((text) => Buffer.from(text)) },
    source,
  );
  return { vm, secretText: secret?.reveal().toString() ?? null };
}

describe('requestIdentity', () => {
  it('reads uuid, name and secret from the environment', () => {
    const env = [`KUBEVIRT_IO_VM_UUID=${uuid}`, 'KUBEVIRT_IO_VM_NAME=testvm', 'KUBEVIRT_IO_SECRET=a=b'];
    expect(identify(env)).to.deep.equal({ vm: { uuid, name: 'testvm' }, secretText: 'a=b' });
  });

  it('reads the dotted names', () => {
    const env = [`kubevirt.io.vm.uuid=${uuid}`, 'kubevirt.io.vm.name=testvm', 'kubevirt.io.secret=s'];
    expect(identify(env)).to.deep.equal({ vm: { uuid, name: 'testvm' }, secretText: 's' });
  });

  it('leaves out a name that is not given, and a secret that is not given or empty', () => {
    expect(identify([`KUBEVIRT_IO_VM_UUID=${uuid}`])).to.deep.equal({ vm: { uuid }, secretText: null });
    for (const empty of ['', '\n'])
      expect(identify([`KUBEVIRT_IO_VM_UUID=${uuid}`, `KUBEVIRT_IO_SECRET=${empty}`])).to.have.property(
        'secretText',
        null,
      );
  });

  it('accepts the same value twice, in both spellings', () => {
    expect(identify([`KUBEVIRT_IO_VM_UUID=${uuid}`, `kubevirt.io.vm.uuid=${uuid}`]).vm).to.deep.equal({
      uuid,
    });
  });

  it('does not interpret entries without "=" or with a longer name', () => {
    const env = [
      'KUBEVIRT_IO_SECRET',
      'KUBEVIRT_IO_VM_UUID',
      `KUBEVIRT_IO_VM_UUID2=${other}`,
      `KUBEVIRT_IO_VM_UUID=${uuid}`,
    ];
    expect(identify(env)).to.deep.equal({ vm: { uuid }, secretText: null });
  });

  const contradictions: readonly [string, readonly string[]][] = [
    ['uuids', [`KUBEVIRT_IO_VM_UUID=${uuid}`, `KUBEVIRT_IO_VM_UUID=${other}`]],
    ['uuids in two spellings', [`KUBEVIRT_IO_VM_UUID=${uuid}`, `kubevirt.io.vm.uuid=${other}`]],
    ['names', [`KUBEVIRT_IO_VM_UUID=${uuid}`, 'KUBEVIRT_IO_VM_NAME=a', 'kubevirt.io.vm.name=b']],
    ['secrets', [`KUBEVIRT_IO_VM_UUID=${uuid}`, 'KUBEVIRT_IO_SECRET=a', 'KUBEVIRT_IO_SECRET=']],
  ];
  for (const [what, env] of contradictions)
    it(`refuses two different ${what} as invalid-identity`, () => {
      expect(codeOf(() => identify(env))).to.equal('invalid-identity');
    });

  const invalid: readonly [string, readonly (string | Buffer)[]][] = [
    ['a uuid with "../"', ['KUBEVIRT_IO_VM_UUID=../../etc']],
    ['an empty uuid', ['KUBEVIRT_IO_VM_UUID=']],
    ['a uuid of 65 characters', [`KUBEVIRT_IO_VM_UUID=${'a'.repeat(65)}`]],
    ['an empty name', [`KUBEVIRT_IO_VM_UUID=${uuid}`, 'KUBEVIRT_IO_VM_NAME=']],
    [
      'a name that is not UTF-8',
      [`KUBEVIRT_IO_VM_UUID=${uuid}`, Buffer.from('KUBEVIRT_IO_VM_NAME=\xff', 'latin1')],
    ],
  ];
  for (const [what, env] of invalid)
    it(`refuses ${what} as invalid-identity, also where arguments would serve`, () => {
      expect(codeOf(() => identify(env))).to.equal('invalid-identity');
      expect(codeOf(() => identify(env, ['-uuid', uuid], 'env,argv'))).to.equal('invalid-identity');
    });

  it('refuses a request without identity, and names the variable', () => {
    const refusal = refusalOf(() => identify(['PATH=/bin'], ['-uuid', uuid]));
    expect(refusal).to.have.property('code', 'no-identity');
    expect(refusal).to.have.property('line').that.includes('KUBEVIRT_IO_VM_UUID');
  });

  it('refuses a name without a uuid, and says that a name is not enough', () => {
    for (const source of ['env', 'env,argv'] as const) {
      const refusal = refusalOf(() => identify(['KUBEVIRT_IO_VM_NAME=testvm'], ['-uuid', uuid], source));
      expect(refusal, source).to.have.property('code', 'no-identity');
      expect(refusal?.message, source).to.include('a name alone does not identify a VM');
    }
  });

  const argv = ['qemu', '-name', 'guest=a,,b,process=x', '-uuid', uuid];

  it('with env,argv takes -uuid and -name where the environment has neither', () => {
    expect(identify(['KUBEVIRT_IO_SECRET=s'], argv, 'env,argv')).to.deep.equal({
      vm: { uuid, name: 'a,b' },
      secretText: 's',
    });
  });

  it('with env,argv the environment wins as a whole', () => {
    expect(identify([`KUBEVIRT_IO_VM_UUID=${other}`], argv, 'env,argv').vm).to.deep.equal({ uuid: other });
  });

  it('with env,argv reads a -name without its key, and --uuid', () => {
    expect(identify([], ['--uuid', uuid, '-name', 'vm,process=x'], 'env,argv').vm).to.deep.equal({
      uuid,
      name: 'vm',
    });
  });

  const badArguments: readonly [string, string, readonly string[]][] = [
    ['no -uuid', 'no-identity', ['-name', 'guest=a']],
    ['a -uuid without a value', 'no-identity', ['-name', 'guest=a', '-uuid']],
    ['two different -uuid', 'invalid-identity', ['-uuid', uuid, '-uuid', other]],
    ['two different -name', 'invalid-identity', ['-uuid', uuid, '-name', 'a', '-name', 'guest=b']],
    ['a -uuid with "../"', 'invalid-identity', ['-uuid', '../x']],
    ['a -uuid inside a longer argument only', 'no-identity', [`-uuid=${uuid}`, 'x-uuid', uuid]],
  ];
  for (const [what, code, args] of badArguments)
    it(`with env,argv refuses ${what} as ${code}`, () => {
      expect(codeOf(() => identify([], args, 'env,argv'))).to.equal(code);
    });

  it('never shows the secret in a refusal', () => {
    const refusal = refusalOf(() => identify([`KUBEVIRT_IO_SECRET=hidden`, `KUBEVIRT_IO_SECRET=hidden2`]));
    expect(refusal).to.have.property('line').that.does.not.include('hidden');
  });
});

describe('emulatorEnvironment', () => {
  it('drops the secret in both spellings, however often, and keeps everything else as the same bytes', () => {
    const kept = [
      'A=1',
      'NOEQUALS',
      '',
      'KUBEVIRT_IO_SECRET',
      'KUBEVIRT_IO_SECRETS=x',
      `KUBEVIRT_IO_VM_UUID=${uuid}`,
    ].map((text) => Buffer.from(text));
    const odd = Buffer.from([0xff, 0x3d, 0xfe]);
    const secrets = ['KUBEVIRT_IO_SECRET=a', 'kubevirt.io.secret=b', 'KUBEVIRT_IO_SECRET='].map((text) =>
      Buffer.from(text),
    );
    expect(emulatorEnvironment([...secrets, ...kept, odd, ...secrets])).to.deep.equal([...kept, odd]);
  });
});
