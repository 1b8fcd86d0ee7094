import { expect } from 'chai';

import { readDomain } from '../../../daemon/domain/read-domain.ts';

const uuid = '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10';
const declaration = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";
const build = (
  attributes: string,
  variables: readonly string[],
  emulator = '<emulator>/stub</emulator>',
): string =>
  `<domain ${attributes}><name>a</name><uuid>${uuid}</uuid><devices>${emulator}</devices><qemu:commandline>${variables
    .map((each) => {
      const [name = '', value = ''] = each.split('=');
      return `<qemu:env name='${name}' value='${value}'/>`;
    })
    .join('')}</qemu:commandline></domain>`;
const good = [`KUBEVIRT_IO_VM_UUID=${uuid}`, 'KUBEVIRT_IO_SECRET=a-secret'];

describe('readDomain', () => {
  it('finds nothing wrong with a right one', () => {
    const { problems, environment, emulator, name } = readDomain(build(declaration, good));
    expect(problems).to.deep.equal([]);
    expect({ emulator, name, secret: environment.get('KUBEVIRT_IO_SECRET') }).to.deep.equal({
      emulator: '/stub',
      name: 'a',
      secret: 'a-secret',
    });
  });

  const faults: readonly [string, string, RegExp][] = [
    ['a prefix that is not declared', build('', good), /prefix of <qemu:commandline> is not declared/u],
    ['another namespace', build("xmlns:qemu='urn:x'", good), /is of another namespace/u],
    [
      'a dot in a name',
      build(declaration, [...good, 'kubevirt.io.secret=x']),
      /"kubevirt\.io\.secret" has a dot/u,
    ],
    [
      'another uuid',
      build(declaration, ['KUBEVIRT_IO_VM_UUID=other', 'KUBEVIRT_IO_SECRET=x']),
      /is "7a1c.*is "other"/u,
    ],
    ['no secret', build(declaration, good.slice(0, 1)), /it carries no secret/u],
    ['no emulator', build(declaration, good, ''), /no <emulator>/u],
  ];
  for (const [what, text, message] of faults)
    it(`finds ${what}, and never shows a secret`, () => {
      const { problems } = readDomain(text);
      expect(problems.map((each) => each.message).join('\n')).to.match(message);
      expect(JSON.stringify(problems)).to.not.include('a-secret');
    });
});
