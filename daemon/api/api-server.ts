import type net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { Server, ServerCredentials } from '@grpc/grpc-js';

import type { PeerCredentials } from '../host/libc.ts';
import { listenOnSocket } from '../host/listen-on-socket.ts';
import type { AuditRecord } from '../observe/audit-record.ts';
import { LineLimit } from '../observe/line-limit.ts';
import { errorFields, type Logger } from '../observe/logger.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ApiBackend } from './api-backend.ts';
import { addReflection } from './add-reflection.ts';
import { HealthService } from './health-service.ts';
import { loadApi, serviceName } from './load-api.ts';
import { MachineWatches } from './machine-watches.ts';
import { createNodeDriverService } from './node-driver-service.ts';
import { PeerRegistry, type PeerRejection } from './peer-registry.ts';
import { RunningCalls } from './running-calls.ts';
import { TokenBucket } from '../token-bucket.ts';

const MAX_REQUEST_BYTES = 64 * 1024;
/** Time for the answers of the last calls to leave, once no call runs any more. */
const FLUSH_MS = 200;

export interface ApiServerOptions {
  readonly socketPath: string;
  /** Permission bits of the socket, e.g. `0o660`. */
  readonly socketMode: number;
  /** Group of the socket; the daemon's own when absent. */
  readonly socketGid?: number;
  /** Who may use the API. Nobody else gets as far as HTTP/2. */
  readonly allowedUids: ReadonlySet<number>;
  /** At once, of all uids; 64 when absent. */
  readonly maxConnections?: number;
  /** Of each uid; 5 a second and 10 at once when absent. */
  readonly secretChecks?: { readonly perSecond: number; readonly burst: number };
  readonly peerCredentials: (socket: net.Socket) => PeerCredentials;
  readonly backend: ApiBackend;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'peerRejected' | 'secretChecked'>;
  /** Writes to the audit log; throws where what is not noted may not be. */
  readonly audit: (record: AuditRecord) => void;
}

export interface ApiServer {
  /** What the standard health service answers, for the whole server and for our service. */
  setServing(serving: boolean): void;
  /** Ends watches, lets other running calls end for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves the API on a Unix socket.
 *
 * @throws Error when the socket cannot be made, or another instance has it
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { logger, metrics } = options;
  const lines = new LineLimit<PeerRejection>();
  const peers = new PeerRegistry({
    peerCredentials: options.peerCredentials,
    allowedUids: options.allowedUids,
    maxConnections: options.maxConnections ?? 64,
    onRejected(reason, peer): void {
      metrics.peerRejected('api');
      const suppressed = lines.take(reason);
      if (suppressed === null) return;
      const left = suppressed > 0 && { suppressed };
      logger.warn('API peer rejected', { reason, ...left, peerPid: peer?.pid, peerUid: peer?.uid });
    },
  });

  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': 32,
    'grpc.max_connection_idle_ms': 5 * 60_000,
    'grpc.enable_channelz': 0,
    interceptors: [peers.interceptor],
  });
  const watches = new MachineWatches(options.backend.machines);
  const handlers = createNodeDriverService({
    backend: options.backend,
    watches,
    peerOf: (call) => peers.peerOf(call),
    allowSecretCheck: createSecretCheckLimit(options.secretChecks ?? { perSecond: 5, burst: 10 }),
    onSecretCheck: (result) => metrics.secretChecked(result),
    audit: options.audit,
    logger,
  });
  const running = new RunningCalls();
  server.addService(loadApi().service, running.count(handlers));
  const health = new HealthService(['', serviceName]);
  health.addToServer(server, (error) =>
    logger.error('Cannot tell the health of the API', errorFields(error)),
  );
  addReflection(
    server,
    async () => (await import('./load-descriptors.ts')).loadDescriptors(),
    (error) => logger.error('Cannot show the API by reflection', errorFields(error)),
  );

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const socket = await listenOnSocket(options.socketPath, {
    mode: options.socketMode,
    ...(options.socketGid !== undefined && { gid: options.socketGid }),
    connectionListener: (connection) => {
      if (peers.admit(connection)) injector.injectConnection(connection);
    },
    onError: (error) => logger.error('API socket failed to accept', errorFields(error)),
  });

  return {
    setServing: (serving) => health.setServing(serving),
    async close(graceMs): Promise<void> {
      health.setServing(false);
      socket.close();
      watches.close();
      await drain(server, running, graceMs);
      // forceShutdown() knows no session of a server without channelz, so we cut the connections ourselves.
      server.forceShutdown();
      peers.disconnectAll();
    },
  };
}

/**
 * Waits for our own calls: health watches and reflection streams never end by themselves. What `tryShutdown` reports
 * is no help, it calls back while calls still run on connections that were handed to the server.
 */
async function drain(server: Server, running: RunningCalls, graceMs: number): Promise<void> {
  server.tryShutdown(() => undefined);
  const timers = new AbortController();
  const wait = (milliseconds: number): Promise<void> =>
    delay(milliseconds, undefined, { signal: timers.signal }).catch(() => undefined);
  await Promise.race([wait(graceMs), running.whenNone().then(() => wait(FLUSH_MS))]);
  timers.abort();
}

/** A bucket for each uid; the allow-list bounds their number. */
function createSecretCheckLimit(limit: {
  readonly perSecond: number;
  readonly burst: number;
}): (uid: number) => boolean {
  const buckets = new Map<number, TokenBucket>();
  return (uid) => {
    const bucket = buckets.get(uid) ?? new TokenBucket({ ...limit, now: () => performance.now() });
    buckets.set(uid, bucket);
    return bucket.take();
  };
}
