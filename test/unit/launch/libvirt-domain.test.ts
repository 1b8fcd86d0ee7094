import { expect } from 'chai';
import { libvirtDomain } from '../../../daemon/launch/libvirt-domain.ts';
import type { LibvirtDomain } from '../../../daemon/launch/libvirt-domain.ts';
import { codeOf, refusalOf } from './code-of.ts';

const state = '/var/lib/libvirt/qemu';
const run = '/run/libvirt/qemu';
const home = `${state}/domain-7-testvm`;

function json(file: string): readonly string[] {
  return ['-object', JSON.stringify({ 'qom-type': 'secret', id: 'masterKey0', format: 'raw', file })];
}

function plain(file: string): readonly string[] {
  return ['-object', `secret,id=masterKey0,format=raw,file=${file.replaceAll(',', ',,')}`];
}

const libvirt = ['qemu', '-name', 'guest=testvm,debug-threads=on', '-S', ...json(`${home}/master-key.aes`)];

function domain(
  argv: readonly (string | Buffer)[],
  env: readonly string[] = [],
  project: readonly string[] = [],
): LibvirtDomain {
  return libvirtDomain(
    { argv: argv.map((argument) => Buffer.from(argument)), env: env.map((entry) => Buffer.from(entry)) },
    { libvirtState: state, libvirtRun: run, project },
  );
}

function named(name: string, short: string, key = json): readonly string[] {
  return [
    'qemu',
    '-name',
    `guest=${name.replaceAll(',', ',,')}`,
    ...key(`${state}/domain-7-${short}/master-key.aes`),
  ];
}

describe('libvirtDomain', () => {
  it('finds the directory in the JSON form of the master key', () => {
    expect(domain(libvirt, [`HOME=${home}`])).to.deep.equal({
      directory: home,
      id: '7',
      shortName: 'testvm',
      projections: [home],
    });
  });

  it('finds the directory in the key=value form of the master key', () => {
    const { directory, shortName } = domain(named('a,b', 'a,b', plain));
    expect([directory, shortName]).to.deep.equal([`${state}/domain-7-a,b`, 'a,b']);
  });

  it('takes the first master key: the author of a domain can only add arguments behind it', () => {
    const author = json(`${state}/domain-8-testvm/master-key.aes`);
    expect(domain([...libvirt, ...author]).directory).to.equal(home);
    expect(codeOf(() => domain(['qemu', '-name', 'guest=testvm', ...author, ...json('/x')]))).to.equal(null);
    expect(domain(['qemu', '-object', '{"id":"other"}', '-object', 'x', ...libvirt]).directory).to.equal(
      home,
    );
  });

  it('takes the first -name', () => {
    expect(domain([...libvirt, '-name', 'guest=victim']).shortName).to.equal('testvm');
  });

  const long = 'a-name-of-more-than-twenty-characters';
  const shortNames: readonly [string, string, string][] = [
    ['20 characters', long, long.slice(0, 20)],
    ['20 characters that are not ASCII', 'ü'.repeat(30), 'ü'.repeat(20)],
    ['20 characters outside of the BMP', '😀'.repeat(30), '😀'.repeat(20)],
    ['20 bytes, as libvirt cuts with LC_ALL=C', 'ü'.repeat(30), 'ü'.repeat(10)],
    ['a name with dashes and digits', '7-domain-8-x', '7-domain-8-x'],
  ];
  for (const [what, name, short] of shortNames)
    it(`accepts a directory with ${what}`, () => {
      expect(domain(named(name, short)).shortName).to.equal(short);
    });

  const refused: readonly [string, readonly string[]][] = [
    ['another name', named('testvm', 'victim')],
    ['a name that is cut too early', named(long, long.slice(0, 19))],
    ['a name that is not cut', named(long, long.slice(0, 21))],
    ['no -name', json(`${home}/master-key.aes`)],
    ['an empty name', named('', '')],
    ['a name with a slash', named('a/b', 'a/b')],
    [
      'a key outside of libvirt-state',
      ['-name', 'guest=testvm', ...json('/etc/domain-7-testvm/master-key.aes')],
    ],
    ['".." in the path', ['-name', 'guest=testvm', ...json(`${state}/x/../domain-7-testvm/master-key.aes`)]],
    ['"//" in the path', ['-name', 'guest=testvm', ...json(`${state}//domain-7-testvm/master-key.aes`)]],
    ['a path that goes deeper', ['-name', 'guest=testvm', ...json(`${home}/x/master-key.aes`)]],
    [
      'a path that goes deeper behind the key',
      ['-name', 'guest=testvm', ...json(`${home}/master-key.aes/x`)],
    ],
    ['another file name', ['-name', 'guest=testvm', ...json(`${home}/key`)]],
    [
      'an id that is no number',
      ['-name', 'guest=testvm', ...json(`${state}/domain-x-testvm/master-key.aes`)],
    ],
    [
      'an id with a leading zero',
      ['-name', 'guest=testvm', ...json(`${state}/domain-07-testvm/master-key.aes`)],
    ],
    ['a relative path', ['-name', 'guest=testvm', ...json('domain-7-testvm/master-key.aes')]],
    ['a key without a file', ['-name', 'guest=testvm', '-object', '{"qom-type":"secret","id":"masterKey0"}']],
    [
      'a key that is not a secret',
      [
        '-name',
        'guest=testvm',
        '-object',
        `{"qom-type":"x","id":"masterKey0","file":"${home}/master-key.aes"}`,
      ],
    ],
    [
      'a plain key that is not a secret',
      ['-name', 'guest=testvm', '-object', `x,id=masterKey0,file=${home}/master-key.aes`],
    ],
  ];
  for (const [what, argv] of refused)
    it(`refuses ${what} as libvirt-home`, () => {
      expect(codeOf(() => domain(argv))).to.equal('libvirt-home');
    });

  for (const value of ['/', '', `${state}/domain-8-victim`, `${home}/`, `${home}/.`])
    it(`refuses HOME=${value}, naming both directories and the remedy`, () => {
      const refusal = refusalOf(() => domain(libvirt, [`HOME=${value}`]));
      expect(refusal).to.have.property('code', 'libvirt-home');
      expect(refusal)
        .to.have.property('line')
        .that.includes(`"${value}"`)
        .and.includes(`"${home}"`)
        .and.includes("<qemu:env name='HOME'>");
    });

  it('refuses a second HOME that differs', () => {
    expect(codeOf(() => domain(libvirt, [`HOME=${home}`, 'HOME=/']))).to.equal('libvirt-home');
  });

  it('does without HOME', () => {
    expect(domain(libvirt, ['HOMEDIR=/', 'HOME']).directory).to.equal(home);
  });

  it('without a master key projects only what is configured, and ignores HOME', () => {
    const argv = ['qemu', '-name', 'guest=testvm', '-drive', `file=${state}/nvram/x.fd`, '-object'];
    expect(domain(argv, [`HOME=${state}`], ['/srv'])).to.deep.equal({
      directory: null,
      id: null,
      shortName: null,
      projections: ['/srv'],
    });
  });

  const projected: readonly [string, string, string][] = [
    [
      'a chardev',
      `socket,id=chrtpm,path=${run}/swtpm/7-testvm-swtpm.sock`,
      `${run}/swtpm/7-testvm-swtpm.sock`,
    ],
    [
      'a D-Bus address',
      `dbus,addr=unix:path=${run}/dbus/7-testvm-dbus.sock`,
      `${run}/dbus/7-testvm-dbus.sock`,
    ],
    ['a unix: prefix', `unix:${run}/passt/7-testvm.sock,server=on`, `${run}/passt/7-testvm.sock`],
    ['a file: prefix', `file:${run}/slirp/7-testvm`, `${run}/slirp/7-testvm`],
    ['a file:// prefix', `file://${run}/slirp/7-testvm`, `${run}/slirp/7-testvm`],
    [
      'nested JSON',
      `{"type":"stream","addr":{"list":[{"path":"${run}/passt/7-testvm-net0.socket"}]}}`,
      `${run}/passt/7-testvm-net0.socket`,
    ],
    [
      'an nvram in JSON',
      `{"driver":"file","filename":"${state}/nvram/testvm_VARS.fd"}`,
      `${state}/nvram/testvm_VARS.fd`,
    ],
    [
      'an nvram in key=value form',
      `if=pflash,file=${state}/nvram/testvm_VARS.qcow2`,
      `${state}/nvram/testvm_VARS.qcow2`,
    ],
    [
      'JSON with escapes that it could do without',
      `{"path":"${`${run}/passt/7-testvm`.replaceAll('/', '\\/')}"}`,
      `${run}/passt/7-testvm`,
    ],
    [
      'JSON with numbers for characters',
      `{"path":"${`${run}/passt/7-testvm`.replaceAll('b', '\\u0062')}"}`,
      `${run}/passt/7-testvm`,
    ],
    ['a bare path', `${state}/nvram/testvm_VARS.fd`, `${state}/nvram/testvm_VARS.fd`],
    ['a brace that is no JSON', `{x,path=${run}/swtpm/7-testvm.sock`, `${run}/swtpm/7-testvm.sock`],
  ];
  for (const [what, argument, path] of projected)
    it(`projects the path of ${what}`, () => {
      expect(domain([...libvirt, '-x', argument]).projections).to.deep.equal([home, path]);
    });

  it('projects the nvram of a domain whose name libvirt shortens elsewhere, comma and all', () => {
    const name = `${'x'.repeat(30)},y`;
    const nvram = `${state}/nvram/${name}_VARS.fd`;
    const argv = [...named(name, 'x'.repeat(20)), '-drive', `if=pflash,file=${nvram.replaceAll(',', ',,')}`];
    expect(domain(argv).projections).to.deep.equal([`${state}/domain-7-${'x'.repeat(20)}`, nvram]);
  });

  it('does not project the nvram of the shortened name, which is another domain', () => {
    const argv = [...named('x'.repeat(30), 'x'.repeat(20)), `${state}/nvram/${'x'.repeat(20)}_VARS.fd`];
    expect(domain(argv).projections).to.deep.equal([`${state}/domain-7-${'x'.repeat(20)}`]);
  });

  const ignored: readonly string[] = [
    `${run}/swtpm/8-testvm-swtpm.sock`,
    `${run}/swtpm/7-testvm2-swtpm.sock`,
    `${run}/swtpm/17-testvm.sock`,
    `${run}/7-testvm.pid`,
    `${run}/a/b/7-testvm.sock`,
    `${run}/../qemu/7-testvm.sock`,
    `${run}/./7-testvm.sock`,
    `${run}//7-testvm.sock`,
    `${run}/swtpm/7-testvm/..`,
    `${run}/swtpm/7-testvm-x/`,
    `/run/libvirt/qemu2/swtpm/7-testvm.sock`,
    `${state}/nvram`,
    `${state}/nvram/`,
    `${state}/nvram/..`,
    `${state}/nvram/x.fd`,
    `${state}/nvram/victim_VARS.fd`,
    `${state}/nvram/testvm2_VARS.fd`,
    `${state}/nvram/testvm`,
    `${state}/nvram/testvm_VARS`,
    `${state}/nvram/testvm_VARS.d/x`,
    `${state}/nvram/_VARS.fd`,
    `${state}/nvram/a/b`,
    `${state}/domain-8-victim/master-key.aes`,
    `${state}/channel/target/x`,
    '/etc/shadow',
  ];
  for (const path of ignored)
    it(`does not project ${path}`, () => {
      expect(
        domain([...libvirt, '-x', `a=${path}`, '-x', JSON.stringify({ path })]).projections,
      ).to.deep.equal([home]);
    });

  it('does not project what only a part of a value names', () => {
    expect(domain([...libvirt, `text ${run}/swtpm/7-testvm.sock`]).projections).to.deep.equal([home]);
  });

  it('passes over arguments that are not UTF-8', () => {
    expect(domain([...libvirt, Buffer.from('\xff/x', 'latin1')]).projections).to.deep.equal([home]);
  });

  it('projects each path once, none inside another, in a stable order', () => {
    const socket = `${run}/swtpm/7-testvm-swtpm.sock`;
    const nvram = `${state}/nvram/testvm_VARS.fd`;
    const argv = [...libvirt, `path=${socket}`, nvram, `path=${socket}`];
    expect(domain(argv, [], ['/srv/b', '/srv/b/c', '/srv/bc', home, `${home}/x`]).projections).to.deep.equal([
      home,
      socket,
      nvram,
      '/srv/b',
      '/srv/bc',
    ]);
    expect(domain(argv, [], ['/run']).projections).to.deep.equal([home, nvram, '/run']);
  });

  for (const path of ['srv', '/', '/srv/', '/srv/../etc', '//srv', ''])
    it(`refuses to project "${path}"`, () => {
      expect(codeOf(() => domain(libvirt, [], [path]))).to.equal('launch-failed');
    });

  it('finds paths below configured directories that are written in other ways in options and JSON', () => {
    const odd = '/run/a,b"c';
    const paths = { libvirtState: state, libvirtRun: odd, project: [] };
    const [first, second] = [`${odd}/x/7-testvm`, `${odd}/y/7-testvm`];
    const argv = [...libvirt, `path=${first.replaceAll(',', ',,')}`, JSON.stringify({ second })];
    const request = { argv: argv.map((argument) => Buffer.from(argument)), env: [] };
    expect(libvirtDomain(request, paths).projections).to.deep.equal([home, first, second]);
  });

  it('reads megabytes of arguments that name no file of libvirt, and none of what they hold', () => {
    const argv = Array.from({ length: 32 }, () => ['/,'.repeat(65_000), `{"/":[${'{},'.repeat(40_000)}0]}`]);
    expect(domain([...libvirt, ...argv.flat()]).projections).to.deep.equal([home]);
  });

  const mentioning: readonly (readonly [string, readonly string[]])[] = [
    ['files', Array.from({ length: 3 }, () => `/,${run}/x,`.repeat(5000))],
    ['files in JSON', Array.from({ length: 3 }, () => `{"${run}/":[${'{},'.repeat(40_000)}0]}`)],
  ];
  for (const [what, argv] of mentioning)
    it(`refuses to read more than 256 KiB of arguments that mention ${what}`, () => {
      expect(codeOf(() => domain([...libvirt, ...argv.slice(1)]))).to.equal(null);
      expect(codeOf(() => domain([...libvirt, ...argv]))).to.equal('launch-failed');
    });

  it('refuses to read more than 256 KiB of objects that mention a master key, in front of it alone', () => {
    const others = Array.from({ length: 3 }, () => ['-object', `{"masterKey0":[${'{},'.repeat(40_000)}0]}`]);
    expect(domain([...libvirt, ...others.flat()]).directory).to.equal(home);
    expect(codeOf(() => domain([...others.flat(), ...libvirt]))).to.equal('launch-failed');
  });

  it('survives a million levels of JSON, and megabytes of prefixes', () => {
    const deep = `${'['.repeat(1 << 20)}"/x"${']'.repeat(1 << 20)}`;
    expect(domain([...libvirt, `{"a":${deep}}`, `${'a:'.repeat(1 << 20)}/x`]).projections).to.deep.equal([
      home,
    ]);
    const levels = `${'['.repeat(1 << 15)}"${run}/x"${']'.repeat(1 << 15)}`;
    expect(
      domain([...libvirt, `{"a":${levels}}`, `${'a:'.repeat(1 << 16)}${run}/`]).projections,
    ).to.deep.equal([home]);
  });
});
