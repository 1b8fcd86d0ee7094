import fs from 'node:fs';

import type { Config } from './config/config.ts';
import type { Broker } from './host/broker.ts';
import type { HostView } from './host/host-view.ts';
import type { Libc } from './host/libc.ts';
import { ShimCgroups } from './host/shim-cgroups.ts';
import { ExecSupervisor } from './machines/exec-supervisor.ts';
import type { MachineRegistry } from './machines/machine-registry.ts';
import { MachineSupervisor } from './machines/machine-supervisor.ts';
import { StateDirectory } from './machines/state-directory.ts';
import type { OnTransition } from './machines/transition.ts';
import { errorFields, type Logger } from './observe/logger.ts';

/** What looks after the VMs of this node. */
export interface Machines {
  readonly state: StateDirectory;
  /** Of VMs in fork mode. */
  readonly supervisor: MachineSupervisor;
  readonly execSupervisor: ExecSupervisor;
}

export interface MachinesParts {
  readonly config: Config;
  /** What it comes to be known by. */
  readonly registry: MachineRegistry;
  readonly libc: Libc;
  readonly host: HostView;
  readonly broker: Broker;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly onTransition: OnTransition;
}

/** Knows no machine yet: `adopt` by each supervisor brings those of an earlier daemon. Close both. */
export function openMachines(parts: MachinesParts): Machines {
  const { config, registry, libc, host, broker, logger, onTransition } = parts;
  const state = new StateDirectory(parts.stateDirectory, onTransition);
  const common = {
    libc,
    proc: config.proc,
    registry,
    state,
    bootId: fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    onError: (launchId: string, error: unknown) => {
      logger.error('Failed to look after a VM', { launchId, ...errorFields(error) });
    },
    onTransition,
  };
  const supervisor = new MachineSupervisor({
    ...common,
    shimCgroups: new ShimCgroups(host.hierarchies, host.root),
  });
  const execSupervisor = new ExecSupervisor({
    ...common,
    broker,
    hostRoot: host.root,
    hierarchies: host.hierarchies,
    namespaces: config.namespaces,
    podGoneGraceMs: config.podGoneGrace,
  });
  return { state, supervisor, execSupervisor };
}
