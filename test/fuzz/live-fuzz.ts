import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { frameTypes } from '../../daemon/launch/frame.ts';
import { FrameDecoder } from '../../daemon/launch/frame-decoder.ts';
import { ProtocolError } from '../../daemon/launch/protocol-error.ts';
import { mutateRequest } from './mutate-request.ts';
import { Xorshift } from './xorshift.ts';

export interface LiveFuzzOptions {
  readonly socketPath: string;
  /** How many connections to make in all. */
  readonly runs: number;
  readonly seed: number;
  /** How many of them at once. */
  readonly concurrency: number;
  /** Within which time the server must end a conversation, in ms; 5,000 when absent. */
  readonly deadline?: number;
}

/**
 * How the conversations ended. `refused`: REFUSED came; `answered`: another frame came; `closed`: the server closed
 * without a frame; `garbled`: it sent no frames; `unreachable`: no connection; `endless`: none of these in time.
 */
export type LiveOutcome = 'refused' | 'answered' | 'closed' | 'garbled' | 'unreachable' | 'endless';

export type LiveFuzzCounts = Readonly<Record<LiveOutcome, number>>;

type Delivery = 'whole' | 'chunks' | 'slow' | 'early-bytes' | 'half-closed';

/** Sends one mutated request per connection to a live server, in unkind ways, and counts how each ends. */
export async function fuzzLaunchSocket(options: LiveFuzzOptions): Promise<LiveFuzzCounts> {
  const counts = { refused: 0, answered: 0, closed: 0, garbled: 0, unreachable: 0, endless: 0 };
  const random = new Xorshift(options.seed);
  let started = 0;
  const work = async (): Promise<void> => {
    while (started < options.runs) {
      started += 1;
      // A generator of its own: what one connection sends must not depend on how the others are timed.
      counts[await converse(options, new Xorshift(random.next()))] += 1;
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return counts;
}

async function converse(options: LiveFuzzOptions, random: Xorshift): Promise<LiveOutcome> {
  const socket = connect({ path: options.socketPath, allowHalfOpen: true });
  const stop = new AbortController();
  try {
    const ended = outcomeOf(socket);
    const late = sleep(options.deadline ?? 5000, 'endless' as const, { signal: stop.signal });
    // A server may close while bytes are still under way; how the conversation ended is told by `ended`.
    deliver(socket, random, stop.signal).catch(() => undefined);
    return await Promise.race([ended, late.catch(() => 'endless' as const)]);
  } finally {
    stop.abort();
    socket.destroy();
  }
}

function outcomeOf(socket: Socket): Promise<LiveOutcome> {
  return new Promise((resolve) => {
    const decoder = new FrameDecoder();
    let connected = false;
    socket.once('connect', () => (connected = true));
    socket.on('data', (chunk) => {
      try {
        const [frame] = decoder.push(chunk);
        if (frame !== undefined) resolve(frame.type === frameTypes.refused ? 'refused' : 'answered');
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        resolve('garbled');
      }
    });
    const closed = (): void => {
      resolve(connected ? 'closed' : 'unreachable');
    };
    socket.once('end', closed).once('error', closed).once('close', closed);
  });
}

async function deliver(socket: Socket, random: Xorshift, signal: AbortSignal): Promise<void> {
  const { bytes, chunks } = mutateRequest(random);
  const delivery = random.pick<Delivery>([
    'whole',
    'whole',
    'whole',
    'chunks',
    'chunks',
    'slow',
    'early-bytes',
    'half-closed',
  ]);
  if (delivery === 'chunks') {
    for (const chunk of chunks) socket.write(chunk);
  } else if (delivery === 'slow') {
    const slow = 8 + random.below(56);
    for (let at = 0; at < Math.min(slow, bytes.length); at += 1) {
      socket.write(bytes.subarray(at, at + 1));
      await sleep(1 + random.below(4), undefined, { signal });
    }
    socket.write(bytes.subarray(slow));
  } else {
    socket.write(bytes);
  }
  if (delivery === 'early-bytes') {
    await sleep(random.below(5), undefined, { signal });
    socket.write(random.bytes(1 + random.below(32)));
  }
  // Servers wait for the rest of a truncated request: a few of them must, the others are told that none comes.
  if (delivery === 'half-closed' || random.chance(90)) socket.end();
}
