import fs from 'node:fs';

const MAX_CONNECTIONS = 256;
/** For machines, the API, and the pods that one decision looks at. */
const RESERVED_FDS = 2048;

/** Connections that there is room for: one in which a decision is made needs a dozen fds, and more where pods lie. */
export function launchRoom(): number {
  const soft = /^Max open files +(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'latin1'))?.[1];
  const free = soft === undefined ? Number.POSITIVE_INFINITY : Number(soft) - RESERVED_FDS;
  return Math.min(MAX_CONNECTIONS, Math.max(16, Math.floor(free / 16)));
}
