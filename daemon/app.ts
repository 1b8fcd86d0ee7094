import type { Writable } from 'node:stream';

import { resolveAccess } from './access.ts';
import { startApiServer } from './api/api-server.ts';
import type { Config } from './config/config.ts';
import { daemonExamination } from './doctor/daemon-examination.ts';
import { AttachLock } from './host/attach-lock.ts';
import { Broker } from './host/broker.ts';
import { viewHost } from './host/host-view.ts';
import { createLibc, type Libc } from './host/libc.ts';
import { requirePidfds } from './host/require-pidfds.ts';
import { listenOnSocket, type ListeningSocket } from './host/listen-on-socket.ts';
import { LibvirtProcesses } from './host/libvirt-processes.ts';
import { fdOf } from './host/socket-fd.ts';
import { LaunchExplainer } from './launch/launch-explainer.ts';
import { callOnDescriptor, callOnSocket } from './launch/incoming-call.ts';
import type { LaunchServer } from './launch/launch-server.ts';
import { TargetAuthorizer } from './launch/target-authorizer.ts';
import { openKubernetes } from './kubernetes/open-kubernetes.ts';
import { MachineRegistry } from './machines/machine-registry.ts';
import type { OnTransition } from './machines/transition.ts';
import { Health } from './observe/health.ts';
import { startHttpServer, type HttpServer, type HttpServerOptions } from './observe/http-server.ts';
import type { AuditRecord } from './observe/audit-record.ts';
import { errorFields, type Logger, type LogVolume } from './observe/logger.ts';
import { createMetrics, type BuildInfo } from './observe/metrics.ts';
import { noteExits } from './observe/note-exits.ts';
import { openAudit } from './observe/open-audit.ts';
import { findingCheck } from './observe/status/finding-check.ts';
import { RecentDecisions } from './observe/status/recent-decisions.ts';
import type { RunStatusChecks } from './observe/status/status-check.ts';
import { createNodeBackend } from './node-backend.ts';
import { createNodeLaunches } from './node-launches.ts';
import { createNodeStatus } from './node-status.ts';
import { openMachines } from './open-machines.ts';
import { openTargetSearch } from './open-target-search.ts';
import { findLibraryDirectory } from './package-root.ts';
import { ProbeRefresher } from './profiles/probe-refresher.ts';
import { profileSettings } from './profiles/profile-settings.ts';
import { StubProfiles } from './profiles/stub-profiles.ts';
import { makeRunDirectory } from './run-directory.ts';
import { loadFilter } from './seccomp/load-filter.ts';
import { openSecrets } from './secret/open-secrets.ts';
import { PodSecretReader } from './secret/pod-secret-reader.ts';

const API_GRACE_MS = 3000;
/** For launches that are under way when the daemon is told to stop. */
const LAUNCH_GRACE_MS = 5000;
const LAUNCH_DEADLINE_MS = 8000;
const PROFILES_INTERVAL_MS = 5000;

/** A daemon that serves. */
export interface App {
  /** Stops serving. Machines go on. */
  stop(): Promise<void>;
  /** Opens files anew that lines are appended to. */
  reopenFiles(): void;
  /** VMs that it looks after and that have not ended. */
  countMachines(): number;
}

export interface AppOptions {
  readonly config: Config;
  readonly logger: Logger & LogVolume;
  readonly build: BuildInfo;
  /** Gets the lines of the audit log. */
  readonly stdout: Writable;
  /** For tests, which stop the daemon there. */
  readonly onTransition?: OnTransition;
}

/**
 * Starts the daemon, in this order: what decides whether it may run here at all, then what serves health, what
 * launches need, the machines of an earlier daemon, the API's door, and only then the door for launches.
 *
 * @throws Error with cause and remedy when a part can't start; what was started is stopped again
 */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, logger, build, onTransition = () => undefined } = options;
  await using started = new AsyncDisposableStack();

  const libc = createLibc();
  requirePidfds(libc);
  const host = viewHost(config.proc);
  for (const warning of host.warnings) logger.warn('Cannot verify the view of the node', { warning });
  const seccomp = await loadFilter(config.seccomp);
  for (const warning of seccomp.warnings) logger.warn('Cannot confine QEMU as usual', { warning });
  const access = resolveAccess(config, host, logger);
  // From here on there is no second daemon: it would take these machines over, too.
  const run = started.use(makeRunDirectory(config.runDirectory, { launchGid: access.launchGid, libc }));

  const secrets = await openSecrets(config, libc, logger.child('secret'));
  started.defer(() => secrets.close());

  const metrics = createMetrics(build);
  const health = new Health(['machines', 'launch-socket', 'api-socket']);
  metrics.askReady(() => health.ready().ok);
  const kubernetes = await openKubernetes(config, {
    logger: logger.child('kubernetes'),
    metrics,
  });
  started.defer(() => kubernetes?.close());
  const registry = new MachineRegistry();
  metrics.countMachines(() => registry.list());
  noteExits(registry, logger.child('machines'), metrics);
  const decisions = new RecentDecisions();
  let runChecks: RunStatusChecks = () => Promise.resolve([]);
  const http = await startHttp(config, {
    health,
    metrics,
    status: createNodeStatus({
      config,
      build,
      health,
      registry,
      decisions,
      runChecks: () => runChecks(),
    }),
    onError: (error) => logger.error('Failed to answer by HTTP', errorFields(error)),
  });
  started.defer(() => http?.close());

  const audit = started.use(openAudit(config, options.stdout, metrics, logger));
  const note = (record: AuditRecord): void => {
    decisions.add(record, new Date());
    audit.write(record);
  };
  const broker = new Broker({
    libc,
    libraryDirectory: findLibraryDirectory(config),
    onRestart: (status) => {
      metrics.brokerRestarted();
      logger.error('The broker ended and is started again', { status });
    },
    onLine: (line) => logger.error('The broker says', { line }),
  });
  started.defer(() => broker.stop());
  broker.start();

  const machines = openMachines({
    config,
    registry,
    libc,
    host,
    broker,
    stateDirectory: run.state,
    logger,
    onTransition,
  });
  const { supervisor, execSupervisor } = machines;
  started.defer(() => supervisor.close());
  started.defer(() => execSupervisor.close());

  const settings = profileSettings(config, access);
  const profiles = new StubProfiles({
    hostRoot: host.root,
    directory: config.emulatorsDirectory,
    settings: settings.own,
    common: settings.common,
  });
  const refresher = new ProbeRefresher({
    libc,
    profiles,
    hostRoot: host.root,
    logger: logger.child('profiles'),
    intervalMs: PROFILES_INTERVAL_MS,
  });
  started.defer(() => refresher.close());

  const { index, finder, turns, containerOf } = openTargetSearch({ config, libc, host, logger });
  started.defer(() => index.close());
  const secretReader = new PodSecretReader(broker, config.secretFile);
  const authorizer = new TargetAuthorizer({
    finder,
    reader: secretReader,
    opener: secrets.opener,
    ledger: secrets.ledger,
    tokens: kubernetes?.tokens ?? null,
    lifetimeMs: config.secretLifetime,
    tokenLifetimeMs: config.secretTokenLifetime,
    onFound: ({ targets, turnedDown, zombies }) => {
      metrics.candidatesSeen({
        usable: targets.length,
        'turned-down': turnedDown.length,
        zombie: zombies.length,
      });
    },
  });
  const libvirtProcesses = new LibvirtProcesses({
    libc,
    proc: config.proc,
    executables: config.libvirtExecutables,
    turns,
    containerOf,
  });
  const policy = {
    stubGoneGraceMs: config.stubGoneGrace,
    podGoneGraceMs: config.podGoneGrace,
    deadlineMs: LAUNCH_DEADLINE_MS,
    seccomp: seccomp.filter,
  };
  const launches = createNodeLaunches({
    config,
    libc,
    host,
    attachLock: started.use(AttachLock.open(host.hierarchies, host.root)),
    broker,
    authorizer,
    libvirtProcesses,
    kubernetes,
    registry,
    machines,
    profiles,
    settings,
    policy,
    logger: logger.child('launch'),
    metrics,
    audit: note,
    onTransition,
  });
  // Before the API: who watches takes a list without a machine for the machine's end.
  const adoptionBegin = performance.now();
  await supervisor.adopt();
  execSupervisor.adopt();
  metrics.machinesAdopted(registry.list(), (performance.now() - adoptionBegin) / 1000);
  health.set('machines', true);

  const examination = daemonExamination({
    config,
    libc,
    version: build.version,
    root: host.root,
    broker,
    processes: libvirtProcesses,
    opinion: kubernetes?.opinion ?? null,
  });
  runChecks = async () => (await examination.run()).map(findingCheck);

  const api = await startApiServer({
    socketPath: run.apiSocket,
    socketMode: 0o600,
    allowedUids: access.apiUids,
    peerCredentials: (socket) => libc.peerCredentials(fdOf(socket)),
    backend: createNodeBackend({
      finder,
      authorizer,
      opinion: kubernetes?.opinion ?? null,
      registry,
      supervisors: [supervisor, execSupervisor],
      logVolume: logger,
      examination,
      build,
      explainer: new LaunchExplainer({
        host,
        index,
        finder,
        authorizer,
        secretReader,
        opinion: kubernetes?.opinion ?? null,
        registry,
        profiles,
        common: settings.common,
        policy,
        identity: config.identity,
      }),
    }),
    logger: logger.child('api'),
    metrics,
    audit: note,
  });
  started.defer(() => api.close(API_GRACE_MS));
  health.set('api-socket', true);

  index.start();
  // Not waited for: the file system of an emulator may be slow to answer.
  void refresher.start();
  const door = await openLaunchSocket(libc, run.launchSocket, access.launchGid, launches, logger);
  started.defer(async () => {
    door.close();
    await launches.close(LAUNCH_GRACE_MS);
  });
  health.set('launch-socket', true);
  api.setServing(true);
  logger.info('Serving', {
    launchSocket: run.launchSocket,
    apiSocket: run.apiSocket,
    machines: registry.list().length,
  });

  const running = started.move();
  return {
    stop: () => running.disposeAsync(),
    reopenFiles: () => audit.reopen(),
    countMachines: () =>
      registry.list().filter(({ state }) => state === 'starting' || state === 'running').length,
  };
}

async function startHttp(
  { httpAddress }: Config,
  options: Omit<HttpServerOptions, 'address'>,
): Promise<HttpServer | undefined> {
  return httpAddress === null ? undefined : startHttpServer({ address: httpAddress, ...options });
}

function openLaunchSocket(
  libc: Libc,
  socketPath: string,
  gid: number,
  launches: LaunchServer,
  logger: Logger,
): Promise<ListeningSocket> {
  return listenOnSocket(socketPath, {
    mode: 0o660,
    gid,
    server: { allowHalfOpen: true, pauseOnConnect: true },
    burst: { libc, listener: (fd) => launches.accept(callOnDescriptor(fd)) },
    connectionListener: (socket) => launches.accept(callOnSocket(socket)),
    onError: (error) => logger.error('The launch socket failed to accept', errorFields(error)),
  });
}
