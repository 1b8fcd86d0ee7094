import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * A program: `flood-socket.ts KIND SOCKET REQUEST-FILE CONNECTIONS`. Keeps so many connections busy until it is killed:
 * `slow` sends a byte of the request now and then, `large` all but the end of a huge one, `whole` the request, again
 * and again, and `idle` nothing.
 */
const [kind = '', socketPath = '', file = '', connections = '1'] = process.argv.slice(2);
const request = readFileSync(file);
const huge = Buffer.alloc(3_900_000, 1);
request.copy(huge, 0, 0, 12);
huge.writeUInt32LE(4_000_000, 8);

function attack(): void {
  const socket = connect(socketPath);
  let timer: NodeJS.Timeout | undefined;
  socket.on('error', () => undefined);
  socket.on('data', () => undefined);
  socket.once('close', () => {
    clearInterval(timer);
    setImmediate(attack);
  });
  if (kind === 'whole') socket.write(request);
  if (kind === 'large') socket.write(huge);
  if (kind === 'garbage') socket.write(randomBytes(4096));
  if (kind === 'slow') {
    let at = 0;
    timer = setInterval(() => socket.write(request.subarray(at, ++at)), 500);
  }
}

for (let i = 0; i < Number(connections); i++) attack();
