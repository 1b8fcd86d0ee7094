import { status, type ServerWritableStream } from '@grpc/grpc-js';

import type { ApiBackend } from './api-backend.ts';
import type {
  WatchMachinesOutput,
  WatchMachinesRequestOutput,
  WatchMachinesResponse,
} from './proto-types.ts';
import type { GrpcStatus } from './refusal-status.ts';
import { machineToProto } from './to-proto.ts';

/** So many changes wait for one reader at most. */
const MAX_WAITING_CHANGES = 1_000;

const typeOfChange = {
  added: 'MACHINE_EVENT_TYPE_ADDED',
  changed: 'MACHINE_EVENT_TYPE_CHANGED',
  removed: 'MACHINE_EVENT_TYPE_REMOVED',
} as const;

const stopping: GrpcStatus = {
  code: status.UNAVAILABLE,
  details: 'The daemon stops, the VMs go on; watch again when the next daemon runs',
};

const tooSlow: GrpcStatus = {
  code: status.RESOURCE_EXHAUSTED,
  details: `Cannot keep more than ${MAX_WAITING_CHANGES} changes for this watch; read faster, and list again`,
};

export type WatchMachinesCall = ServerWritableStream<WatchMachinesRequestOutput, WatchMachinesResponse>;

/** An event that waits; it is encoded only when its turn comes. */
interface MachineEvent {
  readonly type: WatchMachinesOutput['type'];
  readonly revision: number;
  readonly machine?: Parameters<typeof machineToProto>[0];
}

/** The `WatchMachines` calls that are open. */
export class MachineWatches {
  readonly #machines: ApiBackend['machines'];
  readonly #open = new Set<MachineWatch>();
  #isClosed = false;

  constructor(machines: ApiBackend['machines']) {
    this.#machines = machines;
  }

  /** Answers one call until it is cancelled, {@link close} is called, or its reader is too slow. */
  serve(call: WatchMachinesCall): void {
    if (this.#isClosed) {
      endWith(call, stopping);
      return;
    }
    const watch = new MachineWatch(call, this.#machines, () => this.#open.delete(watch));
    this.#open.add(watch);
    watch.start();
  }

  /** Ends all watches, and those that still come, because the daemon stops. */
  close(): void {
    this.#isClosed = true;
    for (const watch of this.#open) watch.end(stopping);
  }
}

class MachineWatch {
  readonly #call: WatchMachinesCall;
  readonly #machines: ApiBackend['machines'];
  readonly #onEnd: () => void;
  #waiting: MachineEvent[] = [];
  #isWriting = false;
  #unsubscribe: () => void = () => undefined;

  constructor(call: WatchMachinesCall, machines: ApiBackend['machines'], onEnd: () => void) {
    this.#call = call;
    this.#machines = machines;
    this.#onEnd = onEnd;
  }

  start(): void {
    this.#call.once('cancelled', () => this.#letGo());
    const { revision } = this.#machines;
    const existing = this.#machines.list();
    for (const machine of existing)
      this.#waiting.push({ type: 'MACHINE_EVENT_TYPE_EXISTING', revision, machine });
    this.#waiting.push({ type: 'MACHINE_EVENT_TYPE_SYNCED', revision });
    const limit = this.#waiting.length + MAX_WAITING_CHANGES;
    this.#unsubscribe = this.#machines.subscribe((change) => {
      this.#waiting.push({ ...change, type: typeOfChange[change.kind] });
      if (this.#waiting.length > limit) this.end(tooSlow);
      else this.#write();
    });
    this.#write();
  }

  end(reason: GrpcStatus): void {
    this.#letGo();
    endWith(this.#call, reason);
  }

  /** Also called twice: gRPC calls a stream cancelled that we have ended. */
  #letGo(): void {
    this.#unsubscribe();
    this.#unsubscribe = (): void => undefined;
    this.#waiting = [];
    this.#onEnd();
  }

  /** One message at a time: gRPC would queue any number of them for a peer that does not read. */
  #write(): void {
    const event = this.#isWriting ? undefined : this.#waiting.shift();
    if (event === undefined) return;
    this.#isWriting = true;
    this.#call.write(eventToProto(event), () => {
      this.#isWriting = false;
      this.#write();
    });
  }
}

function eventToProto({ type, revision, machine }: MachineEvent): WatchMachinesResponse {
  return { type, revision: String(revision), ...(machine && { machine: machineToProto(machine) }) };
}

/** The way in which grpc-js has a handler end a stream with an error, after what was written before. */
function endWith(call: WatchMachinesCall, reason: GrpcStatus): void {
  call.emit('error', reason);
}
