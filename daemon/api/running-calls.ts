import type { handleUnaryCall } from '@grpc/grpc-js';

import type { NodeDriverServiceHandlers } from './proto-types.ts';

/** Counts the calls that have not been answered yet, so that a stop can wait for them. */
export class RunningCalls {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  count(handlers: NodeDriverServiceHandlers): NodeDriverServiceHandlers {
    return {
      ResolveTarget: this.#counted(handlers.ResolveTarget),
      ValidateSecret: this.#counted(handlers.ValidateSecret),
      ListMachines: this.#counted(handlers.ListMachines),
      GetMachine: this.#counted(handlers.GetMachine),
      SignalMachine: this.#counted(handlers.SignalMachine),
      GetLogLevel: this.#counted(handlers.GetLogLevel),
      SetLogLevel: this.#counted(handlers.SetLogLevel),
      GetNodeStatus: this.#counted(handlers.GetNodeStatus),
      ExplainLaunch: this.#counted(handlers.ExplainLaunch),
      // Never answered for good: `MachineWatches` ends it.
      WatchMachines: handlers.WatchMachines,
    };
  }

  whenNone(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #counted<Request, Response>(
    handle: handleUnaryCall<Request, Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      this.#running += 1;
      handle(call, (...answer) => {
        callback(...answer);
        this.#running -= 1;
        if (this.#running === 0) for (const resume of this.#waiting.splice(0)) resume();
      });
    };
  }
}
