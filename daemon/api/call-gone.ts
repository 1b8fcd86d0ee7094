import { Refusal } from '../errors.ts';

/** For who gives no deadline. */
const LONGEST_MS = 30_000;

/** Of a call of gRPC, what tells that nobody waits for its answer. */
export interface EndingCall {
  readonly cancelled: boolean;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** One for all: the stack trace would tell nothing. */
const goneReason = new Refusal(
  'caller-gone',
  'Cannot answer: the caller has cancelled the call, or waits no longer',
  'call again',
);

/** Aborted, with a Refusal, when the answer to a call is not wanted any more, or takes too long. */
export function callGone(call: EndingCall, longestMs = LONGEST_MS): AbortSignal {
  const gone = new AbortController();
  if (call.cancelled) {
    gone.abort(goneReason);
    return gone.signal;
  }
  const timer = setTimeout(() => gone.abort(tooLong(longestMs)), longestMs).unref();
  // gRPC emits it however a call ends: by the caller, by its deadline, or by the answer.
  call.once('cancelled', () => {
    clearTimeout(timer);
    gone.abort(goneReason);
  });
  return gone.signal;
}

function tooLong(longestMs: number): Refusal {
  return new Refusal(
    'busy',
    `Cannot answer within ${longestMs / 1000} s`,
    'ask again when the node, and the pods that claim the VM, have less to do',
  );
}
