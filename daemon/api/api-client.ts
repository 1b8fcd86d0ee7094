import { Metadata, credentials, status, type ServiceError, type requestCallback } from '@grpc/grpc-js';

import { probeSocket } from '../host/probe-socket.ts';
import { quoteText } from '../quote-text.ts';
import type { VmIdentity } from '../target/target.ts';
import { loadApi } from './load-api.ts';
import type {
  ExplainLaunchOutput,
  ExplainLaunchRequest,
  GetLogLevelOutput,
  GetMachineOutput,
  GetNodeStatusOutput,
  ListMachinesOutput,
  LogLevelName,
  MachineOutput,
  NodeDriverServiceClient,
  ResolveTargetOutput,
  SetLogLevelOutput,
  SignalMachineOutput,
  TargetOutput,
  ValidateSecretOutput,
  WatchMachinesOutput,
} from './proto-types.ts';
import { refusalCodeKey } from './refusal-status.ts';

/** A call that did not succeed: `message` is for people and names the remedy. */
export class ApiError extends Error {
  readonly status: status;
  /** Stable code when the daemon refused; `undefined` when the call did not get that far. */
  readonly refusalCode: string | undefined;

  constructor(message: string, code: status, refusalCode: string | undefined, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.status = code;
    this.refusalCode = refusalCode;
  }
}

/** The API as the commands use it. Every method but `close` rejects with {@link ApiError}. */
export interface ApiClient {
  resolveTarget(vm: VmIdentity): Promise<TargetOutput>;
  validateSecret(vm: VmIdentity, secret: string): Promise<ValidateSecretOutput>;
  listMachines(): Promise<readonly MachineOutput[]>;
  getMachine(launchId: string): Promise<MachineOutput>;
  /** One watch, which ends when the signal is aborted, or by an error: see `followMachines`. */
  watchMachines(signal: AbortSignal): AsyncIterable<WatchMachinesOutput>;
  /** @param signal its number */
  signalMachine(launchId: string, signal: number): Promise<void>;
  getLogLevel(): Promise<LogLevelName>;
  /** Resolves with the level before. */
  setLogLevel(level: LogLevelName): Promise<LogLevelName>;
  getNodeStatus(): Promise<GetNodeStatusOutput>;
  explainLaunch(request: ExplainLaunchRequest): Promise<ExplainLaunchOutput>;
  close(): void;
}

export interface ApiClientOptions {
  readonly socketPath: string;
  /** For each call but a watch; 5 s when absent. */
  readonly deadlineMs?: number;
}

/** Connects when the first call is made. */
export function createApiClient({ socketPath, deadlineMs = 5_000 }: ApiClientOptions): ApiClient {
  const NodeDriverService = loadApi();
  const client: NodeDriverServiceClient = new NodeDriverService(
    `unix:${socketPath}`,
    credentials.createInsecure(),
    {
      // One attempt: a person waits for the answer, and the daemon is there or it is not.
      'grpc.enable_retries': 0,
      // A connection of its own, closed with it: else gRPC shares one among all clients of the process.
      'grpc.use_local_subchannel_pool': 1,
    },
  );

  async function call<Response>(
    start: (options: { deadline: number }, callback: requestCallback<Response>) => unknown,
  ): Promise<Response> {
    const outcome = await new Promise<Response | ServiceError>((resolve) => {
      start({ deadline: Date.now() + deadlineMs }, (error, response) => {
        if (error !== null) resolve(error);
        else if (response !== undefined) resolve(response);
      });
    });
    if (outcome instanceof Error) throw await explain(outcome, socketPath, deadlineMs);
    return outcome;
  }

  async function* watch(signal: AbortSignal): AsyncGenerator<WatchMachinesOutput, void> {
    const stream = client.watchMachines({});
    // Comes after the end, too, when nobody iterates any more.
    stream.on('error', () => undefined);
    const cancel = (): void => stream.cancel();
    signal.addEventListener('abort', cancel);
    let hasBegun = false;
    try {
      const events: AsyncIterable<WatchMachinesOutput> = stream;
      for await (const event of events) {
        if (signal.aborted) return;
        hasBegun = true;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isServiceError(error)) throw error;
      if (!hasBegun) throw await explain(error, socketPath, deadlineMs);
      throw new ApiError(`Cannot go on watching: ${error.details}`, error.code, undefined, { cause: error });
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  return {
    async resolveTarget(vm): Promise<TargetOutput> {
      const { target } = await call<ResolveTargetOutput>((options, done) =>
        client.resolveTarget({ vm }, options, done),
      );
      return present(target);
    },
    validateSecret: (vm, secret) =>
      call<ValidateSecretOutput>((options, done) => client.validateSecret({ vm, secret }, options, done)),
    async listMachines(): Promise<readonly MachineOutput[]> {
      const { machines } = await call<ListMachinesOutput>((options, done) =>
        client.listMachines({}, options, done),
      );
      return machines;
    },
    async getMachine(launchId): Promise<MachineOutput> {
      const { machine } = await call<GetMachineOutput>((options, done) =>
        client.getMachine({ launchId }, options, done),
      );
      return present(machine);
    },
    watchMachines: watch,
    async signalMachine(launchId, signal): Promise<void> {
      await call<SignalMachineOutput>((options, done) =>
        client.signalMachine({ launchId, signal }, options, done),
      );
    },
    async getLogLevel(): Promise<LogLevelName> {
      return (await call<GetLogLevelOutput>((options, done) => client.getLogLevel({}, options, done))).level;
    },
    async setLogLevel(level): Promise<LogLevelName> {
      const { previous } = await call<SetLogLevelOutput>((options, done) =>
        client.setLogLevel({ level }, options, done),
      );
      return previous;
    },
    explainLaunch: (request) =>
      call<ExplainLaunchOutput>((options, done) => client.explainLaunch(request, options, done)),
    getNodeStatus: () =>
      call<GetNodeStatusOutput>((options, done) => client.getNodeStatus({}, options, done)),
    close: () => client.close(),
  };
}

function present<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ApiError(
    'Cannot read the answer of the daemon: it is incomplete; use the node-driver command of the same version',
    status.INTERNAL,
    undefined,
  );
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && error.metadata instanceof Metadata;
}

async function explain(error: ServiceError, socketPath: string, deadlineMs: number): Promise<ApiError> {
  const refusalCode = error.metadata.get(refusalCodeKey)[0]?.toString();
  const message = await messageFor(error, socketPath, deadlineMs);
  return new ApiError(message, error.code, refusalCode, { cause: error });
}

async function messageFor(error: ServiceError, socketPath: string, deadlineMs: number): Promise<string> {
  if (error.code === status.DEADLINE_EXCEEDED)
    return `Cannot get an answer of the daemon within ${deadlineMs / 1_000} s; see its log on this node`;
  if (error.code === status.UNIMPLEMENTED)
    return 'Cannot call this daemon: it does not know the call; use the node-driver command of the same version';
  if (error.code !== status.UNAVAILABLE) return error.details;
  const where = `Cannot reach the daemon at ${quoteText(socketPath)}`;
  switch (await probeSocket(socketPath).catch(() => 'unknown' as const)) {
    case 'absent':
      return `${where}: there is no such socket; start "node-driver serve", or name its socket with --socket`;
    case 'stale':
      return `${where}: it is not running; start "node-driver serve"`;
    case 'denied':
      return `${where}: this user may not open the socket; use root, or a member of the socket's group`;
    case 'foreign':
      return `${where}: that is no socket; name the daemon's socket with --socket`;
    case 'live':
      return `${where}: it closed the connection; run this as a user in its "api-users"`;
    default:
      return `${where}: ${error.details}`;
  }
}
