import type { Timestamp, Timestamp__Output } from './generated/google/protobuf/Timestamp.ts';

/** @throws RangeError for a date that is none */
export function toTimestamp(date: Date): Timestamp {
  const milliseconds = date.getTime();
  if (Number.isNaN(milliseconds)) throw new RangeError('Cannot convert an invalid date to a timestamp');
  const seconds = Math.floor(milliseconds / 1_000);
  return { seconds: String(seconds), nanos: (milliseconds - seconds * 1_000) * 1_000_000 };
}

/** The millisecond that the timestamp lies in. */
export function fromTimestamp({ seconds, nanos }: Timestamp__Output): Date {
  return new Date(Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000));
}
