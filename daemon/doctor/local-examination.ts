import os from 'node:os';

import type { Config } from '../config/config.ts';
import { Broker } from '../host/broker.ts';
import { createLibc } from '../host/libc.ts';
import { LibvirtProcesses } from '../host/libvirt-processes.ts';
import { Turns } from '../host/turns.ts';
import { nodeRoot } from '../install/node-root.ts';
import { findLibraryDirectory } from '../package-root.ts';
import { Examination, type Check } from './examination.ts';
import { newFinding } from './finding.ts';
import { LibvirtLookup } from './libvirt-lookup.ts';
import { CHECK_LIMIT_MS, nodeChecks } from './node-checks.ts';

export interface LocalExaminationOptions {
  readonly config: Config;
  readonly version: string;
  /** Which checks to make; undefined: all. */
  readonly only?: ReadonlySet<string>;
}

/** The checks as a process makes them that ends soon. Close it. */
export function localExamination({ config, version, only }: LocalExaminationOptions): {
  readonly examination: Examination;
  readonly close: () => void;
} {
  const libc = createLibc();
  const libraryDirectory = findLibraryDirectory(config);
  const broker = new Broker({ libc, libraryDirectory, onRestart: () => undefined });
  let isStarted = false;
  const processes = new LibvirtProcesses({
    libc,
    proc: config.proc,
    executables: config.libvirtExecutables,
    turns: new Turns(),
    // All of them count: nobody waits for this process.
    containerOf: String,
  });
  const checks = nodeChecks({
    config,
    libc,
    version,
    root: nodeRoot(config.proc),
    machine: os.machine(),
    libraryDirectory,
    libvirts: new LibvirtLookup({
      libc,
      proc: config.proc,
      processes,
      broker: {
        readFile: async (directory, request) => {
          if (!isStarted) broker.start();
          isStarted = true;
          return broker.readFile(directory, request);
        },
      },
    }),
    isServing: false,
    mayLookIntoContainers: true,
  }).filter(({ name }) => only?.has(name) !== false);
  const possible = process.geteuid?.() === 0 ? checks : checks.map(needsRoot);
  return { examination: new Examination(possible, CHECK_LIMIT_MS), close: () => broker.stop() };
}

/** What a user may not look at looks as if it were not there. */
function needsRoot({ name }: Check): Check {
  return {
    name,
    look: () => [newFinding('skipped', 'only root can look at it', { command: 'sudo node-driver check' })],
  };
}
