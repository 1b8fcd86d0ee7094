import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseStatus } from '../../../daemon/target/parse-status.ts';

const lines = [
  'Name:\tvirt-launcher',
  'Umask:\t0022',
  'State:\tS (sleeping)',
  'Tgid:\t4242',
  'Ngid:\t0',
  'Pid:\t4242',
  'PPid:\t4200',
  'TracerPid:\t0',
  'Uid:\t107\t108\t109\t110',
  'Gid:\t207\t208\t209\t210',
  'FDSize:\t64',
  'Groups:\t36 107 ',
  'NStgid:\t4242\t17\t1',
  'NSpid:\t4242\t17\t1',
  'CapInh:\t0000000000000000',
  'CapPrm:\t0000000000000400',
  'CapEff:\t0000000000000400',
  'CapBnd:\t000001ffffffffff',
  'CapAmb:\t0000000000000000',
  'NoNewPrivs:\t1',
  'Seccomp:\t2',
  'Cpus_allowed:\tf',
  'Cpus_allowed_list:\t0-3,8',
];

function without(key: string): string {
  return lines.filter((line) => !line.startsWith(`${key}:`)).join('\n');
}

function withLine(key: string, line: string): string {
  return lines.map((old) => (old.startsWith(`${key}:`) ? line : old)).join('\n');
}

describe('parseStatus', () => {
  it('reads every field', () => {
    expect(parseStatus(`${lines.join('\n')}\n`)).to.deep.equal({
      name: 'virt-launcher',
      state: 'S',
      pid: 4242,
      ppid: 4200,
      uid: { real: 107, effective: 108, saved: 109, fs: 110 },
      gid: { real: 207, effective: 208, saved: 209, fs: 210 },
      groups: [36, 107],
      nspid: [4242, 17, 1],
      umask: 0o22,
      capabilities: {
        inheritable: 0n,
        permitted: 0x400n,
        effective: 0x400n,
        bounding: 0x1ffffffffffn,
        ambient: 0n,
      },
      noNewPrivs: true,
      seccomp: 2,
      cpusAllowed: '0-3,8',
    });
  });

  it('is not misled by a name that holds an escaped line', () => {
    const status = parseStatus(withLine('Name', 'Name:\tx\\nUid:\\t0\\t0 '));
    expect(status?.uid.real).to.equal(107);
    expect(status?.name).to.equal('x\\nUid:\\t0\\t0 ');
  });

  it('lets the first of two equal keys count', () => {
    expect(parseStatus(`${lines.join('\n')}\nUid:\t0\t0\t0\t0`)?.uid.real).to.equal(107);
  });

  it('reads an empty group list', () => {
    expect(parseStatus(withLine('Groups', 'Groups:\t '))?.groups).to.deep.equal([]);
  });

  it('takes the pid where the kernel has no NSpid', () => {
    expect(parseStatus(without('NSpid'))?.nspid).to.deep.equal([4242]);
  });

  it('leaves out what a zombie has not', () => {
    expect(parseStatus(without('Umask'))).not.to.have.property('umask');
  });

  it('keeps all 64 bits of a capability set', () => {
    const status = parseStatus(withLine('CapBnd', 'CapBnd:\tffffffffffffffff'));
    expect(status?.capabilities.bounding).to.equal(2n ** 64n - 1n);
  });

  it('reads a process of this machine', () => {
    const status = parseStatus(readFileSync('/proc/self/status', 'latin1'));
    expect(status).to.include({ pid: process.pid, ppid: process.ppid });
    expect(status?.uid.real).to.equal(process.getuid?.());
    expect(status?.nspid[0]).to.equal(process.pid);
  });

  for (const key of ['State', 'Pid', 'PPid', 'Uid', 'Gid', 'Groups']) {
    it(`rejects a text without ${key}`, () => {
      expect(parseStatus(without(key))).to.equal(null);
    });
  }

  for (const line of [
    'Uid:\t1\t2\t3',
    'Uid:\t1\t2\t3\t-1',
    'Gid:\tx',
    'Groups:\t1 x',
    'NSpid:\t',
    'NSpid:\t1 a',
  ]) {
    it(`rejects the line ${JSON.stringify(line)}`, () => {
      expect(parseStatus(withLine(line.slice(0, line.indexOf(':')), line))).to.equal(null);
    });
  }
});
