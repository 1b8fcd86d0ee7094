import { expect } from 'chai';
import { encodePlan } from '../../../daemon/launch/encode-plan.ts';
import { samplePlan } from '../../support/launch-plans.ts';

interface PlanRecord {
  readonly tag: number;
  readonly bytes: Buffer;
}

/** `{ u16 tag, u16 zero, u32 length, bytes }`, as stub/plan.h says. */
function decode(plan: Buffer): readonly PlanRecord[] {
  const records: PlanRecord[] = [];
  for (let at = 0; at < plan.length;) {
    expect(plan.readUInt16LE(at + 2)).to.equal(0);
    const length = plan.readUInt32LE(at + 4);
    const end = at + 8 + length;
    expect(end).to.be.at.most(plan.length);
    records.push({ tag: plan.readUInt16LE(at), bytes: plan.subarray(at + 8, end) });
    at = end;
  }
  return records;
}

const records = decode(encodePlan(samplePlan));
const hex = (tag: number): readonly string[] =>
  records.filter((record) => record.tag === tag).map(({ bytes }) => bytes.toString('hex'));
const strings = (tag: number): readonly string[] =>
  records
    .filter((record) => record.tag === tag)
    .map(({ bytes }) => {
      expect(bytes.indexOf(0), 'the only NUL ends the string').to.equal(bytes.length - 1);
      return bytes.toString('latin1', 0, bytes.length - 1);
    });

describe('encodePlan', () => {
  it('writes strings with one NUL, the emulator as argv[0]', () => {
    expect(strings(1)).to.deep.equal([samplePlan.launchId]);
    expect(strings(2)).to.deep.equal([samplePlan.emulator]);
    expect(strings(3)).to.deep.equal([samplePlan.emulator, '', '-name', '\xff\n"']);
    expect(strings(4)).to.deep.equal(['A=b', 'EMPTY=', 'no equals sign']);
    expect(strings(5)).to.deep.equal(['/']);
    expect(strings(14)).to.deep.equal(samplePlan.cgroups);
    expect(strings(20)).to.deep.equal(samplePlan.shimCgroups);
    expect(strings(21)).to.deep.equal(['/host/proc/1/ns/mnt']);
  });

  it('writes numbers of 32 bits, the negative OOM score too', () => {
    expect([6, 7, 9, 17, 18, 19, 22].map((tag) => hex(tag))).to.deep.equal([
      ['37fa0000'],
      ['6c000000'],
      ['5f000000'],
      ['e8030000'],
      ['d0070000'],
      ['e8030000'],
      ['401f0000'],
    ]);
    expect(hex(8)).to.deep.equal(['6c000000', 'feffffff']);
    expect(hex(11)).to.deep.equal(['1bfcffff']);
  });

  it('writes limits with 64 bits, and none as RLIM_INFINITY', () => {
    expect(hex(10)).to.deep.equal([
      '07000000' + '00000000' + '0004000000000000' + '0000000000000080',
      '08000000' + '00000000' + '0000000000000000' + 'ffffffffffffffff',
    ]);
  });

  it('writes namespaces with flag and inode, the affinity and the cgroup text as they are', () => {
    expect(hex(13)).to.deep.equal([
      '00000200' + '00000000' + '000000f000000000',
      '00000040' + '00000000' + 'a00000f000000000',
      '00000010' + '00000000' + 'a10000f000000000',
    ]);
    expect(hex(12)).to.deep.equal(['0f000000000000000200000000000000']);
    expect(hex(15)).to.deep.equal([Buffer.from(samplePlan.cgroupText).toString('hex')]);
  });

  it('writes the ids of a user namespace with what the node calls them', () => {
    expect(hex(25)).to.deep.equal([
      '00000000' + '37fa0000' + '773c1000',
      '01000000' + '6c000000' + 'ac420f00',
    ]);
    expect(decode(encodePlan({ ...samplePlan, ids: [] })).some(({ tag }) => tag === 25)).to.equal(false);
  });

  it('writes projections with their flags', () => {
    const paths = records.filter(({ tag }) => tag === 16).map(({ bytes }) => bytes);
    expect(paths.map((bytes) => bytes.readUInt32LE(0))).to.deep.equal([1, 2]);
    expect(paths.map((bytes) => bytes.toString('utf8', 4))).to.deep.equal([
      '/var/lib/libvirt/qemu/domain-1-vm\0',
      '/srv/ü\0',
    ]);
  });

  it('leaves out what is not asked for', () => {
    const tags = decode(
      encodePlan({ ...samplePlan, affinity: new Uint8Array(), hostMountNamespace: null }),
    ).map(({ tag }) => tag);
    expect(tags).to.include(1).and.not.include.members([12]).and.not.include.members([21]);
  });
});
