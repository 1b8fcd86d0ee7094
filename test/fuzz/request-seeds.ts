import { draftRequest } from './encode-request.ts';
import type { RequestDraft } from './encode-request.ts';

const uuid = 'c1f8e7a0-8f2c-4c3e-9d3f-0a1b2c3d4e5f';
const state = '/var/lib/libvirt/qemu';

/** Valid requests to start from: what libvirt 9.0 sends, the older forms, a direct caller, and the least possible. */
export function requestSeeds(): readonly [RequestDraft, ...RequestDraft[]] {
  return [
    draftRequest(
      [
        '/usr/bin/qemu-kube',
        '-name',
        'guest=testvm,debug-threads=on',
        '-S',
        '-object',
        `{"qom-type":"secret","id":"masterKey0","format":"raw","file":"${state}/domain-7-testvm/master-key.aes"}`,
        '-blockdev',
        `{"driver":"file","filename":"${state}/nvram/testvm_VARS.fd","node-name":"libvirt-pflash1-storage"}`,
        '-uuid',
        uuid,
        '-chardev',
        'socket,id=charmonitor,fd=30,server=on,wait=off',
        '-chardev',
        'socket,id=chrtpm,path=/run/libvirt/qemu/swtpm/7-testvm-swtpm.sock',
        '-display',
        'dbus,addr=unix:path=/run/libvirt/qemu/dbus/7-testvm-dbus.sock',
      ],
      [
        'LC_ALL=C',
        'PATH=/usr/bin:/bin',
        `HOME=${state}/domain-7-testvm`,
        `KUBEVIRT_IO_VM_UUID=${uuid}`,
        'KUBEVIRT_IO_VM_NAME=testvm',
        'KUBEVIRT_IO_SECRET=open-sesame',
      ],
    ),
    draftRequest(
      [
        'qemu',
        '-name',
        'guest=a,,b,process=qemu:a',
        '-object',
        `secret,id=masterKey0,format=raw,file=${state}/domain-1-a,,b/master-key.aes`,
        '-uuid',
        uuid,
      ],
      ['NOEQUALS', `kubevirt.io.vm.uuid=${uuid}`, 'kubevirt.io.secret=s'],
    ),
    draftRequest(['qemu', '-name', 'vm', '-uuid', uuid], []),
    draftRequest(['q'], []),
  ];
}

/** Texts with a meaning to the code behind the parser; the fuzzer puts them where they hurt. */
export function interestingTexts(): readonly [string, ...string[]] {
  return [
    '-uuid',
    '-name',
    '-object',
    uuid,
    '../../etc/passwd',
    'guest=',
    'guest=a,,,b',
    ',,,,====',
    'KUBEVIRT_IO_VM_UUID=',
    `KUBEVIRT_IO_VM_UUID=${uuid}`,
    'KUBEVIRT_IO_VM_UUID=../../x',
    'KUBEVIRT_IO_VM_NAME=other',
    'KUBEVIRT_IO_SECRET=other',
    'kubevirt.io.vm.uuid=1',
    'HOME=/',
    '{"qom-type":"secret","id":"masterKey0"}',
    '{"id":"masterKey0","qom-type":"secret","file":"/etc/master-key.aes"}',
    '{"a":[[[[[[{"b":"/run/libvirt/qemu/swtpm/7-testvm"}]]]]]]}',
    '{"__proto__":{"id":"masterKey0"}}',
    `secret,id=masterKey0,file=${state}/domain-7-testvm/../master-key.aes`,
    '/run/libvirt/qemu/swtpm/../7-testvm-swtpm.sock',
    'unix:path=unix:path=//',
    '\u{1f600}\u202e\ufeff',
    '',
  ];
}
