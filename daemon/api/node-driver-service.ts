import { status, type ServerUnaryCall, type handleUnaryCall } from '@grpc/grpc-js';

import { Refusal, type RefusalCode } from '../errors.ts';
import type { PeerCredentials } from '../host/libc.ts';
import type { AuditRecord } from '../observe/audit-record.ts';
import { auditSignal, type SignalCall } from '../observe/audit-signal.ts';
import { auditSecretCheck } from '../observe/audit-secret-check.ts';
import { LineLimit } from '../observe/line-limit.ts';
import { logLevels, type LogLevel } from '../observe/log-level.ts';
import { errorFields, type Logger } from '../observe/logger.ts';
import type { SecretCheckResult } from '../observe/metrics.ts';
import { quoteText } from '../quote-text.ts';
import type { VmIdentity } from '../target/target.ts';
import { parseVmName, parseVmUuid } from '../target/vm-identity.ts';
import type { Machine } from '../machines/machine.ts';
import { isMachineSignal, machineSignals } from '../machines/machine-signals.ts';
import type { ApiBackend } from './api-backend.ts';
import type { MachineWatches } from './machine-watches.ts';
import type {
  ExplainLaunchRequestOutput,
  ExplainLaunchResponse,
  NodeDriverServiceHandlers,
  VmIdentityOutput,
} from './proto-types.ts';
import { toTimestamp } from './timestamp.ts';
import { internalStatus, refusalStatus, type GrpcStatus } from './refusal-status.ts';
import { logLevelFromProto } from './from-proto.ts';
import { logLevelNames, machineToProto, targetToProto } from './to-proto.ts';
import { explanationToProto } from './explanation-to-proto.ts';
import { launchQuestion } from './launch-question.ts';
import { nodeStatusToProto } from './node-status-to-proto.ts';
import { apiAsker } from './api-asker.ts';
import { callGone } from './call-gone.ts';

/** Longer than any form of a secret. */
const MAX_SECRET_BYTES = 16 * 1024;

export interface NodeDriverServiceOptions {
  readonly backend: ApiBackend;
  readonly watches: MachineWatches;
  /** Who made a call; `undefined` when its connection is not known, which refuses the call. */
  readonly peerOf: (call: { getPeer(): string }) => PeerCredentials | undefined;
  /** Whether this uid may have one more secret checked now. */
  readonly allowSecretCheck: (uid: number) => boolean;
  readonly onSecretCheck: (result: SecretCheckResult) => void;
  /** Writes to the audit log; throws where what is not noted may not be. */
  readonly audit: (record: AuditRecord) => void;
  readonly logger: Logger;
}

/** An answer that is an error by itself, without a refusal behind it. */
class StatusError extends Error {
  readonly status: GrpcStatus;

  constructor(code: status, details: string) {
    super(details);
    this.status = { code, details };
  }
}

/** The handlers of `NodeDriverService`. */
export function createNodeDriverService(options: NodeDriverServiceOptions): NodeDriverServiceHandlers {
  const { backend, watches, peerOf, allowSecretCheck, onSecretCheck, audit, logger } = options;
  // By uid and kind, so that nobody's flood hides what another does. The allow-list bounds their number.
  const logLines = new LineLimit<`${number | undefined} ${RefusalCode}`>();
  const auditLines = new LineLimit<`${number} ${status}`>();

  /** Turns a promise into a gRPC answer, and whatever it rejects with into a status. */
  function unary<Request, Response>(
    handle: (request: Request, peer: PeerCredentials, gone: AbortSignal) => Promise<Response> | Response,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      // The connection may be gone before the answer.
      const peer = peerOf(call);
      answer(call, handle).then(
        (response) => callback(null, response),
        (error: unknown) => callback(statusOf(error, call.getPath(), peer)),
      );
    };
  }

  async function answer<Request, Response>(
    call: ServerUnaryCall<Request, Response>,
    handle: (request: Request, peer: PeerCredentials, gone: AbortSignal) => Promise<Response> | Response,
  ): Promise<Response> {
    return handle(call.request, requirePeer(call), callGone(call));
  }

  function requirePeer(call: { getPeer(): string }): PeerCredentials {
    const peer = peerOf(call);
    if (peer !== undefined) return peer;
    throw new StatusError(status.UNAUTHENTICATED, 'Cannot tell who called; connect to the API socket itself');
  }

  function statusOf(error: unknown, method: string, peer: PeerCredentials | undefined): GrpcStatus {
    if (error instanceof StatusError) return error.status;
    logError(error, method, peer);
    return error instanceof Refusal ? refusalStatus(error) : internalStatus;
  }

  /** The caller is told; the log of the node keeps what cannot be the caller's fault. */
  function logError(error: unknown, method: string, peer: PeerCredentials | undefined): void {
    const { code, detail } = error instanceof Refusal ? error : { code: 'internal' as const, detail: null };
    if (code !== 'internal' && detail === null) return;
    const suppressed = logLines.take(`${peer?.uid} ${code}`);
    if (suppressed === null) return;
    const fields = {
      method,
      ...(suppressed > 0 && { suppressed }),
      peerPid: peer?.pid,
      peerUid: peer?.uid,
    };
    if (code === 'internal') logger.error('API call failed', { ...fields, ...errorFields(error) });
    else logger.warn('Refused an API call', { ...fields, reason: code, detail });
  }

  function limitSecretChecks({ uid }: PeerCredentials): void {
    if (allowSecretCheck(uid)) return;
    onSecretCheck('limited');
    throw new StatusError(
      status.RESOURCE_EXHAUSTED,
      'Cannot check another secret now: this user made too many checks; try again in a second',
    );
  }

  /** Also without a secret: each look goes through all processes, and a pod's secret. */
  async function explain(
    request: ExplainLaunchRequestOutput,
    peer: PeerCredentials,
    gone: AbortSignal,
  ): Promise<ExplainLaunchResponse> {
    const startedAt = performance.now();
    limitSecretChecks(peer);
    if (request.secret !== '') checkSecretLength(request.secret);
    const asker = apiAsker('explain', peer.uid, gone);
    const explanation = await backend.explain(launchQuestion(request), asker);
    const { secret } = explanation;
    if (secret !== null) {
      const outcome = secret instanceof Refusal ? { error: secret } : { target: secret };
      const { uuid, name } = request.vm?.uuid ? request.vm : (request.domain ?? { uuid: '', name: '' });
      const vm = name === '' ? { uuid } : { uuid, name };
      const record = auditSecretCheck({ vm, peer, startedAt, ...outcome });
      if (secret instanceof Refusal) note(record);
      else audit(record);
      onSecretCheck(secret instanceof Refusal ? 'refused' : 'valid');
    }
    return explanationToProto(explanation);
  }

  async function checkSecret(
    requested: VmIdentityOutput | null,
    secret: string,
    peer: PeerCredentials,
    gone: AbortSignal,
  ): ReturnType<ApiBackend['validateSecret']> {
    const startedAt = performance.now();
    limitSecretChecks(peer);
    const vm = vmOf(requested);
    checkSecretLength(secret);
    try {
      const valid = await backend.validateSecret(vm, secret, apiAsker('api', peer.uid, gone));
      audit(auditSecretCheck({ vm, peer, startedAt, target: valid.target }));
      onSecretCheck('valid');
      return valid;
    } catch (error) {
      note(auditSecretCheck({ vm, peer, startedAt, error }));
      onSecretCheck(error instanceof Refusal && error.code !== 'internal' ? 'refused' : 'failed');
      throw error;
    }
  }

  /** What was done or refused stays so, noted or not. */
  function note(record: AuditRecord): void {
    try {
      audit(record);
    } catch {
      // The log has been told.
    }
  }

  function findMachine(launchId: string): Machine {
    const machine = backend.machines.get(launchId);
    if (machine !== undefined) return machine;
    throw new StatusError(
      status.NOT_FOUND,
      `Cannot find a machine with launch id ${quoteText(launchId)}; list the machines for the ids there are`,
    );
  }

  function signalMachine({ launchId, state }: Machine, signal: number): void {
    if (!isMachineSignal(signal)) throw signalRefused(signal);
    const what = `Cannot signal machine ${quoteText(launchId)}`;
    if (state === 'starting')
      throw new StatusError(
        status.FAILED_PRECONDITION,
        `${what}: its QEMU does not run yet; try again when its state is "running"`,
      );
    if (state !== 'running')
      throw new StatusError(status.FAILED_PRECONDITION, `${what}: its QEMU has ended; nothing is left to do`);
    if (!backend.signalMachine(launchId, signal))
      throw new StatusError(
        status.FAILED_PRECONDITION,
        `${what}: its supervisor cannot be reached now; try again, and see the log of the daemon`,
      );
  }

  function noteRefusedSignal(call: SignalCall): void {
    const { error, peer } = call;
    const code = error instanceof StatusError ? error.status.code : status.INTERNAL;
    const suppressed = auditLines.take(`${peer.uid} ${code}`);
    if (suppressed !== null) note(auditSignal({ ...call, suppressed }));
  }

  function setLogLevel(name: string, { pid, uid }: PeerCredentials): LogLevel {
    const level = logLevelFromProto(name);
    if (level === undefined)
      throw new StatusError(
        status.INVALID_ARGUMENT,
        `Cannot log from ${quoteText(name)} on; use one of ${Object.values(logLevelNames).join(', ')}`,
      );
    const { level: previous } = backend.logVolume;
    const note = (): void => {
      logger.warn('The log level was changed', { previous, level, peerPid: pid, peerUid: uid });
    };
    // Where it can be read: before the log gets quieter, or after it got louder.
    const isQuieter = logLevels.indexOf(level) < logLevels.indexOf(previous);
    if (isQuieter) note();
    backend.logVolume.setLevel(level);
    if (!isQuieter) note();
    return previous;
  }

  return {
    ResolveTarget: unary(async ({ vm }, { uid }, gone) => ({
      target: targetToProto(await backend.resolve(vmOf(vm), apiAsker('api', uid, gone))),
    })),

    ValidateSecret: unary(async ({ vm, secret }, peer, gone) => {
      const { target, validUntil } = await checkSecret(vm, secret, peer, gone);
      return {
        podUid: target.podUid ?? '',
        containerId: target.containerId ?? '',
        ...(validUntil && { validUntil: toTimestamp(validUntil) }),
      };
    }),

    ListMachines: unary(() => ({ machines: backend.machines.list().map(machineToProto) })),

    GetMachine: unary(({ launchId }) => ({ machine: machineToProto(findMachine(launchId)) })),

    WatchMachines: (call) => {
      try {
        requirePeer(call);
        watches.serve(call);
      } catch (error) {
        call.emit('error', statusOf(error, call.getPath(), peerOf(call)));
      }
    },

    SignalMachine: unary(({ launchId, signal }, peer) => {
      const call = {
        launchId,
        signal,
        machine: backend.machines.get(launchId),
        peer,
        startedAt: performance.now(),
      };
      try {
        signalMachine(findMachine(launchId), signal);
      } catch (error) {
        if (error instanceof Error) noteRefusedSignal({ ...call, error });
        throw error;
      }
      logger.info('A VM was signalled', { launchId, signal, peerPid: peer.pid, peerUid: peer.uid });
      note(auditSignal(call));
      return {};
    }),

    GetLogLevel: unary(() => ({ level: logLevelNames[backend.logVolume.level] })),

    SetLogLevel: unary(({ level }, peer) => ({ previous: logLevelNames[setLogLevel(level, peer)] })),
    ExplainLaunch: unary(explain),

    GetNodeStatus: unary(async () => nodeStatusToProto(await backend.nodeStatus())),
  };
}

function signalRefused(signal: number): StatusError {
  const allowed = Object.entries(machineSignals).map(([name, number]) => `${name} (${number})`);
  return new StatusError(
    status.INVALID_ARGUMENT,
    `Cannot send signal ${signal} to a machine; use one of ${allowed.join(', ')}`,
  );
}

function checkSecretLength(secret: string): void {
  if (secret === '')
    throw new Refusal('secret-not-given', 'Cannot check a secret: none is given', 'set the field "secret"');
  if (Buffer.byteLength(secret) > MAX_SECRET_BYTES)
    throw new StatusError(
      status.INVALID_ARGUMENT,
      `Cannot check a secret: it is longer than ${MAX_SECRET_BYTES} bytes`,
    );
}

/** @throws Refusal when there is no identity, or one that cannot be */
function vmOf(vm: VmIdentityOutput | null): VmIdentity {
  if (vm === null || vm.uuid === '')
    throw new Refusal('no-identity', 'Cannot look for a VM: no uuid is given', 'set the field "vm.uuid"');
  const uuid = parseVmUuid(vm.uuid);
  return vm.name === '' ? { uuid } : { uuid, name: parseVmName(vm.name) };
}
