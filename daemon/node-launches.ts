import type { Config } from './config/config.ts';
import type { AttachLock } from './host/attach-lock.ts';
import type { Broker } from './host/broker.ts';
import type { HostView } from './host/host-view.ts';
import type { Libc } from './host/libc.ts';
import type { LibvirtProcesses } from './host/libvirt-processes.ts';
import type { Kubernetes } from './kubernetes/open-kubernetes.ts';
import { CallerPolicy } from './launch/caller-policy.ts';
import { ExecHandOver } from './launch/exec-hand-over.ts';
import { ForkHandOver } from './launch/fork-hand-over.ts';
import { LaunchAuthorizer } from './launch/launch-authorizer.ts';
import { LaunchController, type LaunchControllerOptions } from './launch/launch-controller.ts';
import { LaunchLimits } from './launch/launch-limits.ts';
import { LaunchLock } from './launch/launch-lock.ts';
import { LaunchObserver } from './launch/launch-observer.ts';
import { launchRoom } from './launch/launch-room.ts';
import { LaunchServer } from './launch/launch-server.ts';
import { SecretTries } from './launch/secret-tries.ts';
import { StubSettings } from './launch/stub-settings.ts';
import type { TargetAuthorizer } from './launch/target-authorizer.ts';
import type { MachineRegistry } from './machines/machine-registry.ts';
import type { OnTransition } from './machines/transition.ts';
import type { AuditRecord } from './observe/audit-record.ts';
import { errorFields, type Logger } from './observe/logger.ts';
import type { Metrics } from './observe/metrics.ts';
import type { Machines } from './open-machines.ts';
import type { ProfileSettings } from './profiles/profile-settings.ts';
import type { StubProfiles } from './profiles/stub-profiles.ts';

const REQUEST_DEADLINE_MS = 2000;

export interface NodeLaunchesOptions {
  readonly config: Config;
  readonly libc: Libc;
  readonly host: HostView;
  readonly attachLock: AttachLock;
  readonly broker: Broker;
  readonly authorizer: TargetAuthorizer;
  readonly libvirtProcesses: LibvirtProcesses;
  /** `null`: Kubernetes is not asked. */
  readonly kubernetes: Kubernetes | null;
  readonly registry: MachineRegistry;
  readonly machines: Machines;
  readonly profiles: StubProfiles;
  readonly settings: ProfileSettings;
  readonly policy: LaunchControllerOptions['policy'];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly audit: (record: AuditRecord) => void;
  readonly onTransition: OnTransition;
}

/** What stubs call, of the parts that launches need. It hears nobody: whoever listens hands it the calls. */
export function createNodeLaunches(options: NodeLaunchesOptions): LaunchServer {
  const { config, libc, host, registry, kubernetes, machines, settings, policy, logger, metrics } = options;
  const observer = new LaunchObserver({
    logger,
    metrics,
    audit: options.audit,
    pods: kubernetes?.events ?? null,
  });
  const lock = new LaunchLock(options.attachLock, host.hierarchies);
  const controller = new LaunchController({
    host,
    authorizer: new LaunchAuthorizer({
      authorizer: options.authorizer,
      secretTries: config.launchRate === null ? null : new SecretTries(() => performance.now()),
      targetWaitMs: config.targetWait,
      onSecretCheck: (result) => metrics.secretChecked(result),
    }),
    lock,
    opinion: kubernetes?.opinion ?? null,
    registry,
    supervisor: machines.supervisor,
    ...handOvers(options),
    settings: new StubSettings(options.profiles, settings.common, logger),
    callers: new CallerPolicy({
      mustBeInstalled: config.requireInstalledStub,
      libvirt: config.requireLibvirtNamespaces ? options.libvirtProcesses : null,
    }),
    policy,
    paths: config,
    identity: config.identity,
    onAllowed: (connection, caller) => observer.allowed(connection, caller),
  });
  const modes = [settings.common, ...settings.own.values()].map(({ mode }) => mode);
  return new LaunchServer({
    libc,
    proc: config.proc,
    allowedUids: settings.uids,
    limits: new LaunchLimits({
      total: launchRoom(),
      perOrigin: config.launchConnections,
      perSecond: config.launchRate,
      now: () => performance.now(),
    }),
    kubepodsBase: config.kubepodsBase,
    requestDeadlineMs: REQUEST_DEADLINE_MS,
    onCaller: () => lock.anticipate(modes),
    launch: (request, caller, connection) => controller.launch(request, caller, connection),
    observer,
  });
}

function handOvers({
  libc,
  broker,
  host,
  machines: { state, supervisor, execSupervisor },
  policy: { deadlineMs },
  logger,
  onTransition,
}: NodeLaunchesOptions): Pick<LaunchControllerOptions, 'forkHandOver' | 'execHandOver'> {
  return {
    forkHandOver: new ForkHandOver({ libc, broker, supervisor, state, onTransition }),
    execHandOver: new ExecHandOver({
      libc,
      supervisor: execSupervisor,
      hostRoot: host.root,
      deadlineMs,
      onStranger: (launchId, error) =>
        logger.error('Another process may be in the cgroups of a pod', { launchId, ...errorFields(error) }),
      onTransition,
    }),
  };
}
