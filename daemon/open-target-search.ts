import type { Config } from './config/config.ts';
import { belongToRoot } from './host/belong-to-root.ts';
import { ContainerInits } from './host/container-inits.ts';
import type { HostView } from './host/host-view.ts';
import { LauncherIndex } from './host/launcher-index.ts';
import { LauncherScanner } from './host/launcher-scanner.ts';
import type { Libc } from './host/libc.ts';
import { ProcessPlaces } from './host/process-places.ts';
import { Turns } from './host/turns.ts';
import { TargetFinder } from './launch/target-finder.ts';
import { errorFields, type Logger } from './observe/logger.ts';

/** What finds the pods of VMs among the processes of the node. */
export interface TargetSearch {
  readonly index: LauncherIndex;
  readonly finder: TargetFinder;
  /** Shared by all whose work is long. */
  readonly turns: Turns;
  /** Names the container of a process, as far as it can be told by a glance. */
  readonly containerOf: (pid: number) => string;
}

export interface TargetSearchParts {
  readonly config: Config;
  readonly libc: Libc;
  readonly host: HostView;
  readonly logger: Logger;
}

/** Close the index. */
export function openTargetSearch({ config, libc, host, logger }: TargetSearchParts): TargetSearch {
  const { proc, kubepodsBase, requirePod, rescanInterval } = config;
  const turns = new Turns();
  const places = new ProcessPlaces({
    libc,
    proc,
    kubepodsBase,
    belongToRoot: (cgroups) => belongToRoot(host, cgroups),
  });
  const containerOf = (pid: number): string => places.of(pid).container;
  const index = new LauncherIndex({
    scanner: new LauncherScanner({ libc, proc, turns, containerOf }),
    turns,
    placeOf: (pid) => places.of(pid),
    rescanIntervalMs: rescanInterval,
    onError: (error) => logger.error('Failed to look through the processes', errorFields(error)),
  });
  const finder = new TargetFinder({
    libc,
    proc,
    hostRoot: host.root,
    hierarchies: host.hierarchies,
    hostUserNamespace: host.userNamespace,
    kubepodsBase,
    requirePod,
    inits: new ContainerInits(libc, proc),
    index,
    turns,
  });
  return { index, finder, turns, containerOf };
}
