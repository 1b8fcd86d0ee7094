import { expect } from 'chai';
import { cgroupDirectory, cgroupLineage, parseCgroupMounts } from '../../../daemon/host/host-cgroups.ts';

function mountLine(root: string, at: string, type: string, options: string): string {
  return `31 23 0:28 ${root} ${at} rw,nosuid,relatime shared:9 master:1 - ${type} ${type} ${options}`;
}

const v1 = [
  mountLine('/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,seclabel,cpu,cpuacct'),
  mountLine('/', '/sys/fs/cgroup/cpuset', 'cgroup', 'rw,cpuset,clone_children,cpuset_v2_mode,noprefix'),
  mountLine('/', '/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,release_agent=/usr/x,name=systemd'),
];
const v2 = mountLine('/', '/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate,memory_recursiveprot');
const hybrid = [...v1, mountLine('/', '/sys/fs/cgroup/unified', 'cgroup2', 'rw')];

describe('parseCgroupMounts', () => {
  it('finds the controllers of v1 hierarchies among their options', () => {
    expect(parseCgroupMounts(v1.join('\n'))).to.deep.equal([
      { controllers: ['cpu', 'cpuacct'], mountPoint: '/sys/fs/cgroup/cpu,cpuacct', root: '/' },
      { controllers: ['cpuset'], mountPoint: '/sys/fs/cgroup/cpuset', root: '/' },
      { controllers: ['name=systemd'], mountPoint: '/sys/fs/cgroup/systemd', root: '/' },
    ]);
  });

  it('finds v2, alone and beside v1', () => {
    expect(parseCgroupMounts(v2)).to.deep.equal([
      { controllers: [''], mountPoint: '/sys/fs/cgroup', root: '/' },
    ]);
    expect(parseCgroupMounts(hybrid.join('\n')).map(({ mountPoint }) => mountPoint)).to.deep.equal([
      '/sys/fs/cgroup/cpu,cpuacct',
      '/sys/fs/cgroup/cpuset',
      '/sys/fs/cgroup/systemd',
      '/sys/fs/cgroup/unified',
    ]);
  });

  it('passes over other file systems, also one that is called like it, and broken lines', () => {
    const others = [
      '22 1 8:1 / / rw shared:1 - ext4 /dev/root rw',
      mountLine('/', '/sys/fs/cgroup', 'tmpfs', 'rw,mode=755'),
      mountLine('/', '/x', 'cgroup2x', 'rw'),
      '31 23 0:28 / /cgroup2 rw - ext4 cgroup2 rw',
      '31 23',
      '',
    ];
    expect(parseCgroupMounts(others.join('\n'))).to.deep.equal([]);
  });

  it('takes the first mount of a hierarchy, but the whole before a part', () => {
    const part = mountLine('/docker/1', '/part', 'cgroup2', 'rw');
    const second = mountLine('/', '/second', 'cgroup2', 'rw');
    const mountPoints = (...lines: readonly string[]): readonly string[] =>
      parseCgroupMounts(lines.join('\n')).map(({ mountPoint }) => mountPoint);
    expect(mountPoints(v2, second)).to.deep.equal(['/sys/fs/cgroup']);
    expect(mountPoints(part, v2, second)).to.deep.equal(['/sys/fs/cgroup']);
    expect(mountPoints(v2, part)).to.deep.equal(['/sys/fs/cgroup']);
    expect(mountPoints(part)).to.deep.equal(['/part']);
  });

  it('undoes the escapes of mount points and roots', () => {
    const [only] = parseCgroupMounts(mountLine('/a\\040b', '/c\\134d\\011e', 'cgroup2', 'rw'));
    expect(only).to.include({ mountPoint: '/c\\d\te', root: '/a b' });
  });
});

describe('cgroupDirectory', () => {
  const directories: readonly (readonly [string, readonly string[], string, string, string | null])[] = [
    ['v1', v1, 'cpu,cpuacct', '/kubepods/x', '/sys/fs/cgroup/cpu,cpuacct/kubepods/x'],
    ['v1 with its controllers in another order', v1, 'cpuacct,cpu', '/x', '/sys/fs/cgroup/cpu,cpuacct/x'],
    ['a named hierarchy', v1, 'name=systemd', '/x', '/sys/fs/cgroup/systemd/x'],
    ['the root', v1, 'cpuset', '/', '/sys/fs/cgroup/cpuset'],
    ['v2', [v2], '', '/a/b', '/sys/fs/cgroup/a/b'],
    ['v2 of a hybrid node', hybrid, '', '/a/b', '/sys/fs/cgroup/unified/a/b'],
    ['v2 where there is only v1', v1, '', '/a', null],
    ['a part of the controllers', v1, 'cpu', '/a', null],
    ['a controller that is not mounted', v1, 'pids', '/a', null],
    ['a way out', [v2], '', '/../a', null],
    ['".." in a name', [v2], '', '/..a', '/sys/fs/cgroup/..a'],
  ];
  for (const [what, lines, hierarchy, path, expected] of directories)
    it(`gives the directory of ${what}`, () => {
      expect(cgroupDirectory(parseCgroupMounts(lines.join('\n')), { hierarchy, path })).to.equal(expected);
    });

  const part = parseCgroupMounts(mountLine('/kubepods', '/cg', 'cgroup2', 'rw'));
  for (const [path, expected] of [
    ['/kubepods', '/cg'],
    ['/kubepods/a', '/cg/a'],
    ['/kubepods2/a', null],
    ['/', null],
    ['/system.slice', null],
  ] as const)
    it(`below a mount of "/kubepods", ${path} is ${expected ?? 'nowhere'}`, () => {
      expect(cgroupDirectory(part, { hierarchy: '', path })).to.equal(expected);
    });
});

describe('cgroupLineage', () => {
  const lineages: readonly (readonly [string, readonly string[], string, string, readonly string[]])[] = [
    [
      'v1',
      v1,
      'cpu,cpuacct',
      '/a/b',
      ['/sys/fs/cgroup/cpu,cpuacct/a/b', '/sys/fs/cgroup/cpu,cpuacct/a', '/sys/fs/cgroup/cpu,cpuacct'],
    ],
    ['v2', [v2], '', '/a', ['/sys/fs/cgroup/a', '/sys/fs/cgroup']],
    ['the root', [v2], '', '/', ['/sys/fs/cgroup']],
    [
      'a part',
      [mountLine('/kubepods', '/cg', 'cgroup2', 'rw')],
      '',
      '/kubepods/a/b',
      ['/cg/a/b', '/cg/a', '/cg'],
    ],
    ['what is outside of a part', [mountLine('/kubepods', '/cg', 'cgroup2', 'rw')], '', '/user.slice', []],
    ['what is not mounted', v1, 'pids', '/a', []],
  ];
  for (const [what, lines, hierarchy, path, expected] of lineages)
    it(`gives the directories of ${what}, from itself up`, () => {
      const hierarchies = parseCgroupMounts(lines.join('\n'));
      expect(cgroupLineage(hierarchies, { hierarchy, path })).to.deep.equal(expected);
    });
});
