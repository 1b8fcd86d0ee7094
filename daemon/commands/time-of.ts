import type { MachineOutput } from '../api/proto-types.ts';
import { fromTimestamp } from '../api/timestamp.ts';

/** A time of the API in RFC 3339. */
export function timeOf(timestamp: MachineOutput['createdAt']): string | undefined {
  return timestamp ? fromTimestamp(timestamp).toISOString() : undefined;
}
