import type { Duration, Duration__Output as DurationOutput } from './generated/google/protobuf/Duration.ts';

/** Seconds, to the microsecond, as the API has them. */
export function toDuration(seconds: number): Duration {
  const microseconds = Math.max(0, Math.round(seconds * 1e6));
  return { seconds: String(Math.floor(microseconds / 1e6)), nanos: (microseconds % 1e6) * 1000 };
}

/** Seconds; 0 where there is none. */
export function fromDuration(duration: DurationOutput | null): number {
  return duration === null ? 0 : Number(duration.seconds) + duration.nanos / 1e9;
}
