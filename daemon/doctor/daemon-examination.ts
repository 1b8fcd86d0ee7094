import os from 'node:os';

import type { Config } from '../config/config.ts';
import type { Broker } from '../host/broker.ts';
import type { Libc } from '../host/libc.ts';
import type { LibvirtProcesses } from '../host/libvirt-processes.ts';
import type { SecondOpinion } from '../kubernetes/second-opinion.ts';
import { findLibraryDirectory } from '../package-root.ts';
import { Examination } from './examination.ts';
import { judgeKubernetes } from './judge-kubernetes.ts';
import { LibvirtLookup } from './libvirt-lookup.ts';
import { CHECK_LIMIT_MS, nodeChecks } from './node-checks.ts';

export interface DaemonExaminationOptions {
  readonly config: Config;
  readonly libc: Libc;
  readonly version: string;
  /** Put before a path of the node. */
  readonly root: string;
  readonly broker: Broker;
  readonly processes: LibvirtProcesses;
  readonly opinion: SecondOpinion | null;
}

/** The checks as a daemon that serves makes them. */
export function daemonExamination({
  config,
  libc,
  version,
  root,
  broker,
  processes,
  opinion,
}: DaemonExaminationOptions): Examination {
  const checks = nodeChecks({
    config,
    libc,
    version,
    root,
    machine: os.machine(),
    libraryDirectory: findLibraryDirectory(config),
    libvirts: new LibvirtLookup({ libc, proc: config.proc, processes, broker }),
    isServing: true,
    mayLookIntoContainers: false,
  });
  const lookAtKubernetes = (): ReturnType<typeof judgeKubernetes> =>
    judgeKubernetes(
      opinion && {
        isAvailable: opinion.isAvailable,
        whyUnavailable: opinion.whyUnavailable,
        isRequired: config.kubernetesRequired,
      },
    );
  return new Examination([...checks, { name: 'kubernetes', look: lookAtKubernetes }], CHECK_LIMIT_MS);
}
