import { encodeRequest } from './encode-request.ts';
import type { RequestDraft } from './encode-request.ts';
import { edgeNumber, editNumber, flipBit, insertRandom, position, repeat, truncate } from './mutate-bytes.ts';
import { interestingTexts, requestSeeds } from './request-seeds.ts';
import type { Xorshift } from './xorshift.ts';

type Mutation<T> = (random: Xorshift, value: T) => T;

/** One mutated request, from the same seed always the same. */
export interface MutatedRequest {
  readonly bytes: Buffer;
  /** The same bytes in the pieces in which they are to arrive; all but an empty request have at least one. */
  readonly chunks: readonly Buffer[];
}

/** A valid request with some of its fields, then some of its bytes changed, cut into pieces. */
export function mutateRequest(random: Xorshift): MutatedRequest {
  let draft = random.pick(requestSeeds());
  for (let left = random.below(3); left > 0; left -= 1) draft = random.pick(draftMutations())(random, draft);
  let bytes = encodeRequest(draft);
  // Most byte mutations end at the header or the first string: enough requests must get past the parser.
  if (random.chance(60))
    for (let left = 1 + random.below(3); left > 0; left -= 1)
      bytes = random.pick(byteMutations())(random, bytes);
  return { bytes, chunks: cut(random, bytes) };
}

function draftMutations(): readonly [Mutation<RequestDraft>, ...Mutation<RequestDraft>[]] {
  const long = Buffer.alloc(4096, '/d');
  return [
    (random, draft) => ({ ...draft, mode: random.pick([1, 1, 2, 0xffffffff]) }),
    (random, draft) => ({ ...draft, fdCount: edgeNumber(random) }),
    (random, draft) => ({ ...draft, argc: edgeNumber(random) }),
    (random, draft) => ({ ...draft, envc: edgeNumber(random) }),
    (random, draft) => ({
      ...draft,
      cwd: random.pick([Buffer.from(''), Buffer.from('etc'), Buffer.from('/\0'), Buffer.from('/tmp'), long]),
    }),
    (random, draft) => ({ ...draft, argv: editList(random, draft.argv) }),
    (random, draft) => ({ ...draft, argv: editList(random, draft.argv) }),
    (random, draft) => ({ ...draft, env: editList(random, draft.env) }),
    (random, draft) => ({ ...draft, env: editList(random, draft.env) }),
  ];
}

function byteMutations(): readonly [Mutation<Buffer>, ...Mutation<Buffer>[]] {
  return [flipBit, truncate, splice, editNumber, repeat, insertRandom, append];
}

function editList(random: Xorshift, list: readonly Buffer[]): readonly Buffer[] {
  const at = random.below(list.length + 1);
  const old = list[at] ?? Buffer.alloc(0);
  const fresh = Buffer.from(random.pick(interestingTexts()));
  const within = random.below(old.length + 1);
  const replacement = random.pick<readonly Buffer[]>([
    [],
    [fresh],
    [old, fresh],
    [old, old],
    [Buffer.concat([old.subarray(0, within), fresh, old.subarray(within)])],
    [Buffer.concat([old.subarray(0, within), random.bytes(1 + random.below(4)), old.subarray(within)])],
    [Buffer.concat([old, Buffer.alloc(1)])],
  ]);
  return [...list.slice(0, at), ...replacement, ...list.slice(at + 1)];
}

function splice(random: Xorshift, bytes: Buffer): Buffer {
  const other = encodeRequest(random.pick(requestSeeds()));
  return Buffer.concat([bytes.subarray(0, position(random, bytes)), other.subarray(position(random, other))]);
}

function append(random: Xorshift, bytes: Buffer): Buffer {
  const tail = random.chance(50)
    ? random.bytes(1 + random.below(16))
    : encodeRequest(random.pick(requestSeeds()));
  return Buffer.concat([bytes, tail]);
}

function cut(random: Xorshift, bytes: Buffer): readonly Buffer[] {
  if (random.chance(50)) return [bytes];
  const step = random.chance(30) ? 1 : 1 + random.below(64);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
  return chunks;
}
