import { expect } from 'chai';

import { patchDomain } from '../../../daemon/domain/patch-domain.ts';

const uuid = '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10';
const patch = { name: 'testvm', secret: `a'b`, emulator: '/stub' };
const declaration = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";

describe('patchDomain', () => {
  it('adds what is missing, and leaves the rest as it is', () => {
    const text = `<?xml version="1.0"?>
<!-- of mine -->
<domain type="kvm" id='3'>
    <name>ns_testvm</name>
    <uuid>${uuid}</uuid>
    <description>a &lt; b, "<![CDATA[</domain>]]>"</description>
    <devices>
      <disk type='file'/>   <!-- </devices> -->
    </devices>
</domain>
<!-- behind -->
`;
    expect(patchDomain(text, patch)).to.deep.equal({
      environment: { uuid, name: 'testvm', secret: `a'b` },
      xml: `<?xml version="1.0"?>
<!-- of mine -->
<domain type="kvm" id='3' ${declaration}>
    <name>ns_testvm</name>
    <uuid>${uuid}</uuid>
    <description>a &lt; b, "<![CDATA[</domain>]]>"</description>
    <devices>
      <disk type='file'/>   <!-- </devices> -->
      <emulator>/stub</emulator>
    </devices>
    <qemu:commandline>
      <qemu:env name='KUBEVIRT_IO_VM_UUID' value='${uuid}'/>
      <qemu:env name='KUBEVIRT_IO_VM_NAME' value='testvm'/>
      <qemu:env name='KUBEVIRT_IO_SECRET' value='a&#39;b'/>
    </qemu:commandline>
</domain>
<!-- behind -->
`,
    });
  });

  it('replaces what is there, also by another prefix, and keeps what is not ours', () => {
    const text = `<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>x</name><uuid>${uuid}</uuid>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
  <q:commandline>
    <q:arg value='-snapshot'/>
    <q:env name='KUBEVIRT_IO_SECRET' value='old'/>
    <q:env name='MINE' value='>'/>
    <q:env name='KUBEVIRT_IO_VM_NAME' value='old'/>
  </q:commandline>
</domain>`;
    expect(patchDomain(text, { emulator: '/stub', uuid }).xml).to
      .equal(`<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>x</name><uuid>${uuid}</uuid>
  <devices><emulator>/stub</emulator></devices>
  <q:commandline>
    <q:arg value='-snapshot'/>
    <q:env name='MINE' value='>'/>
    <q:env name='KUBEVIRT_IO_VM_UUID' value='${uuid}'/>
  </q:commandline>
</domain>`);
  });

  it('changes nothing the second time', () => {
    const text = `<domain><name>x</name><devices/><qemu:commandline ${declaration}/></domain>`;
    const once = patchDomain(text, { ...patch, uuid }).xml;
    expect(patchDomain(once, { ...patch, uuid }).xml).to.equal(once);
    expect(once.match(/KUBEVIRT_IO_SECRET/gu)).to.have.length(1);
  });

  const wrong: readonly [string, string, RegExp][] = [
    ['what is no XML', '<domain>', /^it is not well-formed XML: Missing end tag.*line 1/u],
    ['an entity of its own', '<!DOCTYPE domain [<!ENTITY a "b">]><domain>&a;</domain>', /not well-formed/u],
    ['another document', '<network/>', /^it is no domain: its root element is "network"/u],
    ['no uuid', '<domain><name>a</name></domain>', /^it has no <uuid>; say --uuid$/u],
    ['another prefix', `<domain xmlns:qemu='urn:x'><uuid>${uuid}</uuid></domain>`, /stands for "urn:x"/u],
    ['deep nesting', '<a>'.repeat(200_000), /^it is not well-formed XML/u],
  ];
  for (const [what, text, cause] of wrong)
    it(`refuses ${what}`, () => {
      expect(() => patchDomain(text, patch)).to.throw(cause);
    });

  it('refuses another uuid than its own', () => {
    const text = `<domain><name>a</name><uuid>${uuid}</uuid></domain>`;
    expect(() => patchDomain(text, { ...patch, uuid: uuid.replace('7', '8') })).to.throw(
      /^its uuid is "7a1c.*, not "8a1c.*; correct one of them$/u,
    );
  });
});
