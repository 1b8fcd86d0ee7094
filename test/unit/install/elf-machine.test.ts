import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { elfMachine } from '../../../daemon/install/elf-machine.ts';

/** The beginning of a program for a machine, by its number. */
function header(machine: number, data = 1): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x7fELF', 'latin1');
  bytes[5] = data;
  if (data === 1) bytes.writeUInt16LE(machine, 18);
  else bytes.writeUInt16BE(machine, 18);
  return bytes;
}

describe('elfMachine()', () => {
  it('is what uname says for the program that runs', () => {
    expect(elfMachine(readFileSync(process.execPath))).to.equal(os.machine());
  });

  it('reads both byte orders, and has a name for what it does not know', () => {
    expect(elfMachine(header(183))).to.equal('aarch64');
    expect(elfMachine(header(22, 2))).to.equal('s390x');
    expect(elfMachine(header(999))).to.equal('ELF machine 999');
  });

  it('is null for what is no program', () => {
    expect(elfMachine(Buffer.from('#!/bin/sh\necho this is long enough\n'))).to.equal(null);
    expect(elfMachine(header(62).subarray(0, 19))).to.equal(null);
    expect(elfMachine(Buffer.alloc(0))).to.equal(null);
  });
});
