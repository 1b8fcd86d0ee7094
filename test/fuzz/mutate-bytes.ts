import type { Xorshift } from './xorshift.ts';

/** What mutations may draw from beside the input itself. */
export interface MutationSources {
  readonly tokens: readonly string[];
  readonly others: readonly Buffer[];
  readonly maxLength: number;
}

type ByteMutation = (random: Xorshift, bytes: Buffer, sources: MutationSources) => Buffer;

/** One to eight changes of any kind. */
export function mutateBytes(random: Xorshift, bytes: Buffer, sources: MutationSources): Buffer {
  let mutant = bytes;
  for (let left = 1 + random.below(random.chance(50) ? 2 : 8); left > 0; left -= 1)
    mutant = random.pick(mutations())(random, mutant, sources);
  return mutant.subarray(0, sources.maxLength);
}

function mutations(): readonly [ByteMutation, ...ByteMutation[]] {
  return [
    flipBit,
    setByte,
    insertRandom,
    insertToken,
    insertToken,
    replaceByToken,
    erase,
    erase,
    repeat,
    amplify,
    editNumber,
    editDigits,
    copyWithin,
    splice,
    truncate,
  ];
}

/** Half of the edits go to the head, where most of the structure is. */
export function position(random: Xorshift, bytes: Buffer): number {
  return random.below(random.chance(50) ? Math.min(bytes.length, 32) : bytes.length);
}

export function flipBit(random: Xorshift, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = position(random, bytes);
  if (at < copy.length) copy.writeUInt8(copy.readUInt8(at) ^ (1 << random.below(8)), at);
  return copy;
}

export function truncate(random: Xorshift, bytes: Buffer): Buffer {
  return bytes.subarray(0, position(random, bytes));
}

export function repeat(random: Xorshift, bytes: Buffer): Buffer {
  return repeatPart(random, bytes, 64, 8);
}

/** What is quadratic shows itself only where there is much. */
function amplify(random: Xorshift, bytes: Buffer): Buffer {
  return random.chance(10) ? repeatPart(random, bytes, 8, 16_384) : repeat(random, bytes);
}

function repeatPart(random: Xorshift, bytes: Buffer, longest: number, most: number): Buffer {
  const from = position(random, bytes);
  const part = bytes.subarray(from, from + 1 + random.below(longest));
  const times = 1 + random.below(most);
  return Buffer.concat([
    bytes.subarray(0, from),
    part.length === 0 ? part : Buffer.alloc(times * part.length, part),
    bytes.subarray(from),
  ]);
}

export function insertRandom(random: Xorshift, bytes: Buffer): Buffer {
  return insert(bytes, position(random, bytes), random.bytes(1 + random.below(random.chance(80) ? 2 : 16)));
}

/** A number over four bytes that is at the edge of something. */
export function editNumber(random: Xorshift, bytes: Buffer): Buffer {
  if (bytes.length < 4) return bytes;
  const copy = Buffer.from(bytes);
  const at = random.chance(70) ? 4 + 4 * random.below(7) : random.below(bytes.length);
  copy.writeUInt32LE(edgeNumber(random), Math.min(at, bytes.length - 4));
  return copy;
}

export function edgeNumber(random: Xorshift): number {
  return random.pick([
    0, 1, 2, 253, 1000, 1001, 4095, 4096, 4097, 0x400000, 0x400001, 0x7fffffff, 0xffffffff,
  ]);
}

function setByte(random: Xorshift, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy.writeUInt8(random.below(256), random.below(copy.length));
  return copy;
}

function insertToken(random: Xorshift, bytes: Buffer, { tokens }: MutationSources): Buffer {
  return insert(bytes, random.below(bytes.length + 1), token(random, tokens));
}

function replaceByToken(random: Xorshift, bytes: Buffer, { tokens }: MutationSources): Buffer {
  const at = random.below(bytes.length + 1);
  const fresh = token(random, tokens);
  return Buffer.concat([bytes.subarray(0, at), fresh, bytes.subarray(at + fresh.length)]);
}

function erase(random: Xorshift, bytes: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.chance(70) ? 4 : bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
}

/** A decimal number somewhere becomes another. */
function editDigits(random: Xorshift, bytes: Buffer): Buffer {
  const numbers = [...bytes.toString('latin1').matchAll(/[0-9]+/g)];
  const number = numbers[random.below(numbers.length)];
  if (number === undefined) return insertRandom(random, bytes);
  const fresh = random.pick([
    String(edgeNumber(random)),
    String(random.next()),
    '0'.repeat(1 + random.below(4)),
    '9'.repeat(1 + random.below(24)),
    '-1',
  ]);
  return Buffer.concat([
    bytes.subarray(0, number.index),
    Buffer.from(fresh),
    bytes.subarray(number.index + number[0].length),
  ]);
}

function copyWithin(random: Xorshift, bytes: Buffer): Buffer {
  const from = random.below(bytes.length);
  const part = bytes.subarray(from, from + 1 + random.below(32));
  return insert(bytes, random.below(bytes.length + 1), part);
}

function splice(random: Xorshift, bytes: Buffer, { others }: MutationSources): Buffer {
  const other = others[random.below(others.length)] ?? bytes;
  return Buffer.concat([
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
}

function token(random: Xorshift, tokens: readonly string[]): Buffer {
  return Buffer.from(tokens[random.below(tokens.length)] ?? '');
}

function insert(bytes: Buffer, at: number, part: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
}
