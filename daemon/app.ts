import fs from 'node:fs';
import path from 'node:path';

import { startApiServer } from './api/api-server.ts';
import type { Config } from './config/config.ts';
import { Broker } from './host/broker.ts';
import { viewHost, type HostView } from './host/host-view.ts';
import { createLibc } from './host/libc.ts';
import { listenOnSocket, type ListeningSocket } from './host/listen-on-socket.ts';
import { ShimCgroups } from './host/shim-cgroups.ts';
import { fdOf } from './host/socket-fd.ts';
import { findGroup, parseUsers, readHostFile, resolveUsers } from './host/user-database.ts';
import { LaunchController } from './launch/launch-controller.ts';
import { LaunchObserver } from './launch/launch-observer.ts';
import { LaunchServer } from './launch/launch-server.ts';
import { TargetAuthorizer } from './launch/target-authorizer.ts';
import { TargetFinder } from './launch/target-finder.ts';
import { MachineRegistry } from './machines/machine-registry.ts';
import { MachineSupervisor } from './machines/machine-supervisor.ts';
import { StateDirectory } from './machines/state-directory.ts';
import { Health } from './observe/health.ts';
import { startHttpServer, type HttpServer } from './observe/http-server.ts';
import { errorFields, type Logger } from './observe/logger.ts';
import { createMetrics, type BuildInfo, type Metrics } from './observe/metrics.ts';
import { findPackageRoot } from './package-root.ts';
import { makeRunDirectory } from './run-directory.ts';
import { PodSecretReader } from './secret/pod-secret-reader.ts';
import { Secret } from './secret/secret.ts';

const API_GRACE_MS = 3000;
const REQUEST_DEADLINE_MS = 2000;
const LAUNCH_DEADLINE_MS = 8000;

/** A daemon that serves. */
export interface App {
  /** Stops serving. Machines go on. */
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly build: BuildInfo;
}

/** Who may launch, whose group may connect, and who may use the API. */
interface Access {
  readonly launchUids: ReadonlySet<number>;
  readonly launchGid: number;
  readonly apiUids: ReadonlySet<number>;
}

function resolveAccess(config: Config, host: HostView, logger: Logger): Access {
  const users = parseUsers(readHostFile(host.root, '/etc/passwd'));
  const launch = resolveUsers(users, config.launchUsers);
  const api = resolveUsers(users, config.apiUsers);
  if (launch.uids.size === 0)
    logger.warn('Nobody may launch: the node has none of the launch-users', { users: launch.unknown });
  const { launchGroup } = config;
  const gid =
    launchGroup === null
      ? launch.gid
      : /^\d+$/.test(launchGroup)
        ? Number(launchGroup)
        : findGroup(readHostFile(host.root, '/etc/group'), launchGroup);
  if (gid === null && launchGroup !== null)
    throw new Error(`Cannot find the group "${launchGroup}": create it, or correct "launch-group"`);
  return { launchUids: launch.uids, launchGid: gid ?? 0, apiUids: api.uids };
}

function followMachines(logger: Logger, metrics: Metrics): MachineRegistry {
  const registry = new MachineRegistry((machine, before) => {
    if (machine.exit === undefined || before?.exit !== undefined) return;
    metrics.machineExited(machine.exit.reason);
    const { launchId, vm, podUid, exit } = machine;
    const fields = {
      launchId,
      vmUuid: vm.uuid,
      podUid,
      kind: exit.kind,
      value: exit.value,
      reason: exit.reason,
    };
    logger.info('A VM ended', fields);
  });
  metrics.countMachines(() => registry.list());
  return registry;
}

/**
 * Starts the daemon, in this order: what serves health first, then what launches need, then the machines of an
 * earlier daemon, and only then the doors.
 *
 * @throws Error with cause and remedy when a part can't start; what was started is stopped again
 */
export async function startApp({ config, logger, build }: AppOptions): Promise<App> {
  await using started = new AsyncDisposableStack();

  const metrics = createMetrics(build);
  const health = new Health(['machines', 'launch-socket', 'api-socket']);
  const http = await startHttp(config, health, metrics, logger);
  started.defer(() => http?.close());

  const libc = createLibc();
  const host = viewHost(config.proc);
  for (const warning of host.warnings) logger.warn('Cannot verify the view of the node', { warning });
  const access = resolveAccess(config, host, logger);
  const run = makeRunDirectory(config.runDirectory, access);

  const broker = new Broker({
    libc,
    libraryDirectory: config.libraryDirectory ?? path.join(findPackageRoot(), 'stub', 'build'),
    onRestart: (status) => logger.error('The broker ended and is started again', { status }),
  });
  broker.start();
  started.defer(() => broker.stop());

  const registry = followMachines(logger.child('machines'), metrics);
  const state = new StateDirectory(run.state);
  const supervisor = new MachineSupervisor({
    libc,
    proc: config.proc,
    registry,
    state,
    shimCgroups: new ShimCgroups(host.hierarchies, host.root),
    bootId: fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
  });
  started.defer(() => supervisor.close());

  const finder = new TargetFinder({
    libc,
    proc: config.proc,
    hostRoot: host.root,
    hierarchies: host.hierarchies,
    kubepodsBase: config.kubepodsBase,
    requirePod: config.requirePod,
  });
  const secrets = new PodSecretReader(broker, config.secretFile);
  const authorizer = new TargetAuthorizer(finder, secrets, config.secretLifetime);
  const controller = new LaunchController({
    libc,
    host,
    broker,
    authorizer,
    registry,
    supervisor,
    state,
    policy: {
      emulator: config.emulator,
      namespaces: config.namespaces,
      stubGoneGraceMs: config.stubGoneGrace,
      podGoneGraceMs: config.podGoneGrace,
      deadlineMs: LAUNCH_DEADLINE_MS,
    },
    paths: config,
    identity: config.identity,
    targetWaitMs: config.targetWait,
  });

  // Both doors are held before the machines are touched: of two daemons, only one gets this far.
  const observer = new LaunchObserver(logger.child('launch'), metrics);
  const launches = new LaunchServer({
    libc,
    proc: config.proc,
    allowedUids: access.launchUids,
    requestDeadlineMs: REQUEST_DEADLINE_MS,
    launch: (request, caller, connection) => controller.launch(request, caller, connection),
    observer,
  });
  const api = await startApiServer({
    socketPath: run.apiSocket,
    socketMode: 0o600,
    allowedUids: access.apiUids,
    peerCredentials: (socket) => libc.peerCredentials(fdOf(socket)),
    backend: {
      resolve: (vm) => {
        using pinned = finder.findOnly(vm);
        return Promise.resolve(pinned.target);
      },
      validateSecret: async (vm, secret) => {
        const { pinned, validUntil } = await authorizer.authorize(vm, Secret.fromText(secret));
        pinned[Symbol.dispose]();
        return { target: pinned.target, validUntil };
      },
      machines: registry,
    },
    logger: logger.child('api'),
    metrics,
  });
  started.defer(() => api.close(API_GRACE_MS));
  health.set('api-socket', true);

  await supervisor.adopt();
  health.set('machines', true);

  const door = await openLaunchSocket(run.launchSocket, access.launchGid, launches, logger);
  started.defer(() => {
    door.close();
    launches.close();
  });
  health.set('launch-socket', true);
  api.setServing(true);
  logger.info('Serving', {
    launchSocket: run.launchSocket,
    apiSocket: run.apiSocket,
    machines: registry.list().length,
  });

  const running = started.move();
  return { stop: () => running.disposeAsync() };
}

async function startHttp(
  { httpAddress }: Config,
  health: Health,
  metrics: Metrics,
  logger: Logger,
): Promise<HttpServer | undefined> {
  if (httpAddress === null) return undefined;
  return startHttpServer({
    address: httpAddress,
    health,
    metrics,
    onError: (error) => logger.error('Failed to render metrics', errorFields(error)),
  });
}

function openLaunchSocket(
  socketPath: string,
  gid: number,
  launches: LaunchServer,
  logger: Logger,
): Promise<ListeningSocket> {
  return listenOnSocket(socketPath, {
    mode: 0o660,
    gid,
    server: { allowHalfOpen: true },
    connectionListener: (socket) => launches.accept(socket),
    onError: (error) => logger.error('The launch socket failed to accept', errorFields(error)),
  });
}
