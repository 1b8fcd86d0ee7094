import { expect } from 'chai';

import { keptCapabilities } from '../../../daemon/host/harden-process.ts';
import { judgeCapabilities } from '../../../daemon/doctor/judge-capabilities.ts';
import { judgeCgroups } from '../../../daemon/doctor/judge-cgroups.ts';
import { judgeClock } from '../../../daemon/doctor/judge-clock.ts';
import { judgeKernel } from '../../../daemon/doctor/judge-kernel.ts';
import { judgeKubernetes } from '../../../daemon/doctor/judge-kubernetes.ts';
import { judgeLibvirt } from '../../../daemon/doctor/judge-libvirt.ts';
import { judgeProbeCache } from '../../../daemon/doctor/judge-probe-cache.ts';
import { shellQuote } from '../../../daemon/shell-quote.ts';
import type { Finding } from '../../../daemon/doctor/finding.ts';

const briefly = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ status, subject, message }) => `${status} ${subject}: ${message}`);

describe('judges of the doctor', () => {
  it('kernel: what no VM can start without is a failure, the rest a warning', () => {
    const calls = {
      pidfd_open: 'denied',
      open_tree: 'present',
      openat2: 'absent',
      clone3: 'present',
      close_range: 'present',
    } as const;
    expect(briefly(judgeKernel({ release: '5.4', calls }))).to.deep.equal([
      "failure pidfd_open: pidfd_open can't be used: a filter of system calls denies it; no VM can start without",
      "warning openat2: openat2 can't be used: Linux 5.4 has none; files of pods are read by a slower walk",
    ]);
  });

  it('cgroups: names the layout', () => {
    const v1 = { controllers: ['cpu', 'cpuacct'], mountPoint: '/a' };
    const v2 = { controllers: [''], mountPoint: '/b' };
    expect(briefly([v1, v2].flatMap((each) => judgeCgroups([each])))).to.deep.equal([
      'ok : layout v1: cpu,cpuacct',
      'ok : layout v2, at /b',
    ]);
    expect(briefly(judgeCgroups([v1, v2]))).to.deep.equal(['ok : layout hybrid: v2 at /b, v1 cpu,cpuacct']);
    expect(judgeCgroups([])[0]).to.include({ status: 'failure' });
  });

  it('capabilities: all, one that some launches need, and one that all need', () => {
    const all = [...keptCapabilities.values()].reduce((set, bit) => set | (1n << BigInt(bit)), 0n);
    expect(judgeCapabilities(all)[0]).to.include({ status: 'ok' });
    expect(judgeCapabilities(all & ~(1n << 23n))[0]).to.include({ status: 'warning' });
    const [worst] = judgeCapabilities(all & ~(1n << 21n) & ~(1n << 23n));
    expect(worst).to.include({ status: 'failure' });
    expect(worst?.message).to.match(/^CAP_SYS_ADMIN, CAP_SYS_NICE missing: .* without CAP_SYS_ADMIN$/u);
    expect(worst?.remedy).to.include('add: [SYS_ADMIN, SYS_NICE]');
  });

  it('clock and Kubernetes', () => {
    expect(briefly(judgeClock({ isSynchronised: true, maxErrorUs: 1500 }))).to.deep.equal([
      'ok : synchronised, wrong by 2 ms at most',
    ]);
    expect(judgeClock({ isSynchronised: null, maxErrorUs: 0 })[0]).to.include({ status: 'skipped' });
    const evidence = { isAvailable: false, whyUnavailable: 'the watch is broken' };
    expect(judgeKubernetes({ ...evidence, isRequired: true })[0]).to.include({ status: 'failure' });
    expect(judgeKubernetes({ ...evidence, isRequired: false })[0]).to.include({ status: 'warning' });
  });

  it('libvirt: its defaults are wrong in what matters, and a setting of several lines is no case for sed', () => {
    const judge = (conf: string | null): readonly Finding[] =>
      judgeLibvirt({
        libvirt: 'virtqemud (process 7)',
        conf,
        file: '/etc/libvirt/qemu.conf',
        hasLsm: true,
        uidOf: () => undefined,
        launchUids: new Set(),
      });
    const status = (conf: string | null): readonly string[] =>
      judge(conf).map((each) => `${each.subject} ${each.status}`);
    expect(status(null)).to.deep.equal([
      'namespaces failure',
      'cgroup_controllers failure',
      'remember_owner warning',
      'stdio_handler ok',
      'security_driver warning',
      'user ok',
    ]);
    const right = `#namespaces = [ "mount" ]
 namespaces=[]
cgroup_controllers = [
  # "cpu",
]
remember_owner = 0 # off
security_driver = [ "none" ]
user = 'qemu'
`;
    expect(status(right)).to.deep.equal([
      'namespaces ok',
      'cgroup_controllers ok',
      'remember_owner ok',
      'stdio_handler ok',
      'security_driver ok',
      'user failure',
    ]);
    const [long] = judge('namespaces = [\n "mount",\n "ipc" ]\n');
    expect(long).to.include({ command: null });
    expect(long?.message).to.match(/\[ "mount", "ipc" \]/u);
  });

  it('probe cache: says of which stub it is', () => {
    const judge = (cached: string | null): string =>
      judgeProbeCache({ profile: 'p', stub: '/s', stubChangedAt: 100, cached, libvirt: 'l' }).message;
    expect(judge(null)).to.match(/not probed/u);
    expect(judge('<qemuctime>100</qemuctime>')).to.match(/is current$/u);
    expect(judge('<qemuctime>99</qemuctime>')).to.match(/is older/u);
    expect(judge('<qemuctime>101</qemuctime>')).to.match(/is newer/u);
    expect(judge('<x/>')).to.match(/does not say/u);
  });

  it('shellQuote leaves plain words alone', () => {
    expect([`/a/b-c.d`, `/a b`, `it's`].map(shellQuote)).to.deep.equal([
      '/a/b-c.d',
      "'/a b'",
      String.raw`'it'\''s'`,
    ]);
  });
});
