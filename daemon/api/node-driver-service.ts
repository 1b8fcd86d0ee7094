import { status, type ServerUnaryCall, type handleUnaryCall } from '@grpc/grpc-js';

import { Refusal } from '../errors.ts';
import type { PeerCredentials } from '../host/libc.ts';
import { errorFields, type Logger } from '../observe/logger.ts';
import type { SecretCheckResult } from '../observe/metrics.ts';
import { quoteText } from '../quote-text.ts';
import type { VmIdentity } from '../target/target.ts';
import { parseVmName, parseVmUuid } from '../target/vm-identity.ts';
import type { ApiBackend } from './api-backend.ts';
import type { NodeDriverServiceHandlers, VmIdentityOutput } from './proto-types.ts';
import { toTimestamp } from './timestamp.ts';
import { internalStatus, refusalStatus, type GrpcStatus } from './refusal-status.ts';
import { machineToProto, targetToProto } from './to-proto.ts';

/** Longer than any form of a secret. */
const MAX_SECRET_BYTES = 16 * 1024;

export interface NodeDriverServiceOptions {
  readonly backend: ApiBackend;
  /** Who made a call; `undefined` when its connection is not known, which refuses the call. */
  readonly peerOf: (call: { getPeer(): string }) => PeerCredentials | undefined;
  /** Whether this uid may have one more secret checked now. */
  readonly allowSecretCheck: (uid: number) => boolean;
  readonly onSecretCheck: (result: SecretCheckResult) => void;
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
  const { backend, peerOf, allowSecretCheck, onSecretCheck, logger } = options;

  /** Turns a promise into a gRPC answer, and whatever it rejects with into a status. */
  function unary<Request, Response>(
    handle: (request: Request, peer: PeerCredentials) => Promise<Response> | Response,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      answer(call, handle).then(
        (response) => callback(null, response),
        (error: unknown) => callback(statusOf(error, call.getPath())),
      );
    };
  }

  async function answer<Request, Response>(
    call: ServerUnaryCall<Request, Response>,
    handle: (request: Request, peer: PeerCredentials) => Promise<Response> | Response,
  ): Promise<Response> {
    const peer = peerOf(call);
    if (peer === undefined)
      throw new StatusError(
        status.UNAUTHENTICATED,
        'Cannot tell who called; connect to the API socket itself',
      );
    return handle(call.request, peer);
  }

  function statusOf(error: unknown, method: string): GrpcStatus {
    if (error instanceof StatusError) return error.status;
    if (error instanceof Refusal) {
      // The caller is told; the log of the node keeps what cannot be the caller's fault.
      if (error.code === 'internal') logger.error('API call failed', { method, ...errorFields(error) });
      return refusalStatus(error);
    }
    logger.error('API call failed', { method, ...errorFields(error) });
    return internalStatus;
  }

  async function checkSecret(
    requested: VmIdentityOutput | null,
    secret: string,
    uid: number,
  ): ReturnType<ApiBackend['validateSecret']> {
    if (!allowSecretCheck(uid)) {
      onSecretCheck('limited');
      throw new StatusError(
        status.RESOURCE_EXHAUSTED,
        'Cannot check another secret now: this user made too many checks; try again in a second',
      );
    }
    const vm = vmOf(requested);
    checkSecretLength(secret);
    try {
      const valid = await backend.validateSecret(vm, secret);
      onSecretCheck('valid');
      return valid;
    } catch (error) {
      onSecretCheck(error instanceof Refusal && error.code !== 'internal' ? 'refused' : 'failed');
      throw error;
    }
  }

  return {
    ResolveTarget: unary(async ({ vm }) => ({ target: targetToProto(await backend.resolve(vmOf(vm))) })),

    ValidateSecret: unary(async ({ vm, secret }, { uid }) => {
      const { target, validUntil } = await checkSecret(vm, secret, uid);
      return {
        podUid: target.podUid ?? '',
        containerId: target.containerId ?? '',
        ...(validUntil && { validUntil: toTimestamp(validUntil) }),
      };
    }),

    ListMachines: unary(() => ({ machines: backend.machines.list().map(machineToProto) })),

    GetMachine: unary(({ launchId }) => {
      const machine = backend.machines.get(launchId);
      if (machine === undefined)
        throw new StatusError(
          status.NOT_FOUND,
          `Cannot find a machine with launch id ${quoteText(launchId)}; list the machines for the ids there are`,
        );
      return { machine: machineToProto(machine) };
    }),
  };
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
