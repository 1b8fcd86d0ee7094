import { expect } from 'chai';
import { matchesVm } from '../../../daemon/target/matches-vm.ts';

const launcher = { program: 'virt-launcher', noFork: false } as const;
const full = { ...launcher, uuid: 'u1', name: 'vm1', namespace: 'ns1' };
const nameless = { ...launcher, uuid: 'u1' };
const unnumbered = { ...launcher, name: 'vm1', namespace: 'ns1' };

describe('matchesVm', () => {
  const rows = [
    { name: 'the UUID alone', launcher: full, vm: { uuid: 'u1' }, expected: true },
    { name: 'another UUID', launcher: full, vm: { uuid: 'u2' }, expected: false },
    {
      name: 'another UUID, the name equal',
      launcher: full,
      vm: { uuid: 'u2', name: 'vm1' },
      expected: false,
    },
    { name: 'a UUID in upper case', launcher: full, vm: { uuid: 'U1' }, expected: false },
    { name: 'the beginning of a UUID', launcher: full, vm: { uuid: 'u' }, expected: false },
    { name: 'UUID and NAME', launcher: full, vm: { uuid: 'u1', name: 'vm1' }, expected: true },
    { name: 'UUID and NAMESPACE_NAME', launcher: full, vm: { uuid: 'u1', name: 'ns1_vm1' }, expected: true },
    { name: 'UUID and NAMESPACE/NAME', launcher: full, vm: { uuid: 'u1', name: 'ns1/vm1' }, expected: true },
    { name: 'another name', launcher: full, vm: { uuid: 'u1', name: 'vm2' }, expected: false },
    { name: 'another namespace', launcher: full, vm: { uuid: 'u1', name: 'ns2_vm1' }, expected: false },
    { name: 'a launcher without name', launcher: nameless, vm: { uuid: 'u1', name: 'vm2' }, expected: true },
    {
      name: 'a launcher without UUID',
      launcher: unnumbered,
      vm: { uuid: 'u1', name: 'vm1' },
      expected: true,
    },
    {
      name: 'no UUID there, another name',
      launcher: unnumbered,
      vm: { uuid: 'u1', name: 'vm2' },
      expected: false,
    },
    { name: 'no UUID there, no name here', launcher: unnumbered, vm: { uuid: 'u1' }, expected: false },
    { name: 'a launcher without both', launcher, vm: { uuid: 'u1', name: 'vm1' }, expected: false },
    {
      name: 'a namespace that the launcher does not tell',
      launcher: { ...launcher, uuid: 'u1', name: 'vm1' },
      vm: { uuid: 'u1', name: 'ns1_vm1' },
      expected: false,
    },
  ];
  for (const row of rows) {
    it(`${row.expected ? 'accepts' : 'refuses'} ${row.name}`, () => {
      expect(matchesVm(row.launcher, row.vm)).to.equal(row.expected);
    });
  }
});
