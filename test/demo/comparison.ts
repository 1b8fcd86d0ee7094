import { readFileSync } from 'node:fs';
import { readCgroups } from '../support/cgroups.ts';
import { namespaceNames, readNamespace, readStatusFields } from '../support/processes.ts';
import type { QemuAccount } from '../support/qemu-account.ts';

/** One line of the table: the same thing of three processes. */
export interface ComparisonRow {
  readonly what: string;
  readonly libvirtd: string;
  readonly pod: string;
  readonly qemu: string;
  readonly verdict: string;
  readonly passed: boolean;
}

/** Something of QEMU that is as it must be, or is not. */
export interface Check {
  readonly what: string;
  readonly value: string;
  readonly passed: boolean;
}

export interface ComparedProcesses {
  readonly libvirtd: number;
  readonly pod: number;
  readonly qemu: number;
}

/** Every namespace and every cgroup hierarchy. */
export function compareProcesses(pids: ComparedProcesses): readonly ComparisonRow[] {
  return [...compareNamespaces(pids), ...compareCgroups(pids)];
}

function compareNamespaces(pids: ComparedProcesses): readonly ComparisonRow[] {
  return namespaceNames.map((name) => {
    const libvirtd = readNamespace(pids.libvirtd, name);
    const pod = readNamespace(pids.pod, name);
    const qemu = readNamespace(pids.qemu, name);
    const values = { what: name, libvirtd, pod, qemu };
    if (name === 'pid') return judge(values, qemu === libvirtd, "libvirt's, as intended");
    if (name === 'mnt' && qemu !== pod) {
      return judge(
        values,
        qemu !== libvirtd && listAbsentMounts(pids).length === 0,
        "private copy of the pod's",
      );
    }
    return judge(values, qemu === pod, 'yes');
  });
}

function compareCgroups(pids: ComparedProcesses): readonly ComparisonRow[] {
  const libvirtd = readCgroups(pids.libvirtd);
  const pod = readCgroups(pids.pod);
  const qemu = readCgroups(pids.qemu);
  return [...pod].map(([hierarchy, path]) => {
    const values = {
      what: `cgroup ${hierarchy === '' ? 'v2' : hierarchy}`,
      libvirtd: libvirtd.get(hierarchy) ?? '-',
      pod: path,
      qemu: qemu.get(hierarchy) ?? '-',
    };
    return judge(values, values.qemu === path, 'yes');
  });
}

function judge(
  values: Omit<ComparisonRow, 'verdict' | 'passed'>,
  passed: boolean,
  verdict: string,
): ComparisonRow {
  return { ...values, verdict: passed ? verdict : 'NO', passed };
}

/** The mounts of a process, each as its place and what is mounted there. */
function listMounts(pid: number): ReadonlyMap<string, string> {
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))
    .map(([, , device = '', root = '', path = '']): [string, string] => [path, `${device} ${root}`]);
  return new Map(mounts);
}

/** Mounts of the pod that QEMU does not see. */
function listAbsentMounts({ pod, qemu }: ComparedProcesses): readonly string[] {
  const visible = listMounts(qemu);
  return [...listMounts(pod)].filter(([path, what]) => visible.get(path) !== what).map(([path]) => path);
}

/** Where something is mounted for QEMU and not for the pod. */
export function listProjectedPaths({ pod, qemu }: Omit<ComparedProcesses, 'libvirtd'>): readonly string[] {
  const visible = listMounts(pod);
  return [...listMounts(qemu)].filter(([path, what]) => visible.get(path) !== what).map(([path]) => path);
}

/** Who QEMU is: libvirt's account, and no privileges. */
export function checkIdentity(qemu: number, account: QemuAccount): readonly Check[] {
  const status = readStatusFields(qemu);
  const field = (name: string): string => (status.get(name) ?? '').replace(/\s+/g, ' ');
  const equal = (what: string, name: string, expected: string): Check => {
    const value = field(name);
    return { what, value, passed: value === expected };
  };
  const four = (id: number): string => Array.from({ length: 4 }, () => String(id)).join(' ');
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map(field);
  return [
    equal('uid (real, effective, saved, file system)', 'Uid', four(account.uid)),
    equal('gid (real, effective, saved, file system)', 'Gid', four(account.gid)),
    {
      what: 'capabilities (inheritable, permitted, effective, ambient)',
      value: capabilities.map((text) => text.replace(/^0+(?=.)/, '')).join(' '),
      passed: capabilities.every((text) => /^0+$/.test(text)),
    },
    equal('no new privileges', 'NoNewPrivs', '1'),
  ];
}
