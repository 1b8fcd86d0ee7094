import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodePlan } from '../../../daemon/launch/encode-plan.ts';
import { samplePlan } from '../../support/launch-plans.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const hex = (value: string | Uint8Array): string => Buffer.from(value).toString('hex');

describe('encodePlan and plan_read() of the shim', function () {
  this.timeout(30_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'knd-plan-'));
    const sources = ['stub/plan.c', 'test/fixtures/plan-dump.c'].map((file) => path.join(root, file));
    const flags = ['-D_GNU_SOURCE', '-O1', `-I${path.join(root, 'stub')}`];
    execFileSync('cc', [...flags, '-o', path.join(directory, 'plan-dump'), ...sources]);
  });
  after(() => rmSync(directory, { recursive: true }));

  const read = (plan: Uint8Array): readonly string[] => {
    const file = path.join(directory, 'plan');
    writeFileSync(file, plan);
    const fd = openSync(file, 'r');
    try {
      const { stdout } = spawnSync(path.join(directory, 'plan-dump'), {
        stdio: [fd, 'pipe', 'inherit'],
        encoding: 'utf8',
      });
      return stdout.split('\n').filter((line) => line !== '');
    } finally {
      closeSync(fd);
    }
  };

  it('agree on every field', () => {
    expect(read(encodePlan(samplePlan))).to.deep.equal([
      `launchId ${hex(samplePlan.launchId)}`,
      `emulator ${hex(samplePlan.emulator)}`,
      `cwd ${hex(samplePlan.cwd)}`,
      `hostMountNamespace ${hex('/host/proc/1/ns/mnt')}`,
      ...[samplePlan.emulator, ...samplePlan.arguments].map((each) => `argument ${hex(each)}`),
      ...samplePlan.environment.map((each) => `environment ${hex(each)}`),
      ...samplePlan.cgroups.map((each) => `cgroup ${hex(each)}`),
      ...samplePlan.shimCgroups.map((each) => `shimCgroup ${hex(each)}`),
      `cgroupText ${hex(samplePlan.cgroupText)}`,
      `affinity ${hex(samplePlan.affinity)}`,
      'group 108',
      'group 4294967294',
      'limit 7 1024 9223372036854775808',
      'limit 8 0 18446744073709551615',
      'namespace 131072 4026531840',
      'namespace 1073741824 4026532000',
      'namespace 268435456 4026532001',
      'id 0 64055 1064055',
      'id 1 108 1000108',
      'flags 1',
      `project ${hex('/var/lib/libvirt/qemu/domain-1-vm')}`,
      'flags 2',
      `project ${hex('/srv/ü')}`,
      'filter 2  060000000000ff7f',
      'numbers 64055 108 95 -997 1000 2000 1000 8000',
    ]);
  });

  it('agree on the fd of the monitor', () => {
    expect(read(encodePlan({ ...samplePlan, monitorFd: 30 }))).to.include('monitor 30');
  });

  it('agree on as much as a plan may hold', () => {
    const many = (count: number): readonly number[] => [...Array(count).keys()];
    const lines = read(
      encodePlan({
        ...samplePlan,
        arguments: many(4095).map((each) => Buffer.from(`-${each}`)),
        groups: many(256),
        projections: many(64).map((each) => ({ path: `/${each}`, owned: false, optional: true })),
        limits: many(16).map((resource) => ({ resource, soft: null, hard: null })),
      }),
    );
    const count = (name: string): number => lines.filter((line) => line.startsWith(`${name} `)).length;
    expect(['argument', 'group', 'project', 'limit'].map(count)).to.deep.equal([4096, 256, 64, 16]);
  });

  it('the shim refuses a user namespace without ids or without mnt, ids without it, and ids of another kind', () => {
    const [mnt, , user] = samplePlan.namespaces;
    const [id] = samplePlan.ids;
    if (mnt === undefined || user === undefined || id === undefined) throw new Error('The sample lacks them');
    expect(read(encodePlan({ ...samplePlan, namespaces: [mnt, user] }))).to.include('id 0 64055 1064055');
    const unknown = encodePlan(samplePlan);
    const header = Buffer.from([25, 0, 0, 0, 12, 0, 0, 0]);
    unknown.writeUInt32LE(2, unknown.indexOf(header) + header.length);
    for (const plan of [
      unknown,
      encodePlan({ ...samplePlan, ids: [] }),
      encodePlan({ ...samplePlan, namespaces: [mnt] }),
      encodePlan({ ...samplePlan, namespaces: [user] }),
      encodePlan({ ...samplePlan, ids: Array.from({ length: 259 }, () => id) }),
    ])
      expect(read(plan)).to.deep.equal(['error Protocol error']);
  });

  it('the shim refuses a plan that is cut anywhere but between records', () => {
    const plan = encodePlan(samplePlan);
    for (let length = 0; length < plan.length; length += 7)
      expect(read(plan.subarray(0, length)), `${length} bytes`).to.deep.equal(['error Protocol error']);
  });
});
